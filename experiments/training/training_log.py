"""What a training leaves behind while it runs: scalars, curves and sheets."""

import contextlib
import json
import pathlib
import time
from collections.abc import Iterator, Mapping

import jax
import numpy as np

from jax_encoder.io import files, images, json_types, loading, plots

_SCALARS = "scalars.jsonl"
_PLOTTED = {"fid", "fid_real", "ppl"}


class TrainingLog:
    """Writes TensorBoard events, `scalars.jsonl`, curves and sample sheets.

    TensorBoard events need the `train` extra, curves the `plot` extra; without them
    the rest is written all the same.
    """

    def __init__(self, directory: pathlib.Path, step: int = 0):
        """Goes on after a step.

        Args:
          directory: where to write.
          step: where the training stands; what was written of later steps, before an
            interruption, is forgotten, since they will be repeated.
        """
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._pending: list[Mapping[str, object]] = []
        self._start = time.monotonic()
        self._num_pictures = 0
        rows = [row for row in self._rows() if row["step"] <= step]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        files.write_bytes(directory / _SCALARS, text.encode())
        try:
            import tensorboardX
        except ImportError:
            self._events = None
        else:
            self._events = tensorboardX.SummaryWriter(
                str(directory / "events"), purge_step=step + 1 if step else None
            )

    def add(self, report: Mapping[str, object], num_pictures: int) -> None:
        """Keeps the scalars of one step until `flush`; they may still be computed."""
        self._pending.append(report)
        self._num_pictures += num_pictures

    def broken(self, step: int) -> tuple[int, str] | None:
        """The first step since `flush` with a loss that is not finite, and which loss.

        Args:
          step: the latest one that was added.
        """
        first = step - len(self._pending) + 1
        for index, report in enumerate(jax.device_get(self._pending)):
            for name in sorted(report):
                if name.startswith("loss") and not np.isfinite(report[name]).all():
                    return first + index, name
        return None

    def flush(self, step: int, **more: float) -> str:
        """Writes the means since the last time; returns them as one line."""
        values: dict[str, float] = {}
        for name in {name for report in self._pending for name in report}:
            found = [report[name] for report in self._pending if name in report]
            values[name] = float(np.mean(jax.device_get(found)))
        seconds = max(time.monotonic() - self._start, 1e-9)
        values["speed/pictures_per_second"] = self._num_pictures / seconds
        values |= more
        self._pending, self._num_pictures = [], 0
        self._start = time.monotonic()
        self.write(step, values)
        line = ", ".join(f"{name} {values[name]:.4g}" for name in sorted(values))
        return f"step {step}: {line}"

    def measures(self, step: int, values: Mapping[str, float]) -> str:
        """Writes measures of a step; returns them as one line.

        Of "fid", "fid_real" and "ppl" there is a plot.
        """
        found = {f"measure/{name}": float(value) for name, value in values.items()}
        self.write(step, found)
        if values.keys() >= _PLOTTED:
            with contextlib.suppress(ImportError):
                self._draw_measures()
        line = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        return f"step {step}: {line}"

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leaves what happens meanwhile out of the reported speed."""
        before = time.monotonic()
        yield
        self._start += time.monotonic() - before

    def close(self) -> None:
        """Writes the events that still wait."""
        if self._events is not None:
            self._events.close()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes scalars of a step to `scalars.jsonl` and as events."""
        with (self.directory / _SCALARS).open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)
            self._events.flush()

    def _rows(self) -> Iterator[json_types.Row]:
        """Whole lines written so far; a kill may have cut the last one."""
        path = self.directory / _SCALARS
        for line in path.read_text().splitlines() if path.exists() else ():
            with contextlib.suppress(loading.LoadError):
                row = loading.parse_json(line, path)
                if isinstance(row, dict) and isinstance(row.get("step"), int):
                    yield row

    def sheet(self, name: str, pictures: np.ndarray, num_columns: int = 8) -> None:
        """Writes `[N, R, R, 3]` pictures in rows; N is a multiple of the columns."""
        grid = tile(pictures, num_columns)
        path = self.directory / f"{name}.png"
        images.write(path, np.clip(grid, -1.0, 1.0), is_report=True)
        if self._events is not None:
            self._events.add_image(name, images.to_uint8(grid), dataformats="HWC")

    def curves(self) -> None:
        """Draws the losses so far as `curves.png`."""
        curves = self._curves("loss")
        if not curves:
            return
        try:
            with plots.figure(
                self.directory / "curves.png", xlabel="step", ylabel="loss"
            ) as axes:
                for name, points in curves.items():
                    axes.plot(*points, label=name)
                axes.legend()
        except ImportError:
            return

    def _curves(self, prefix: str) -> dict[str, tuple[list[int], list[float]]]:
        """Steps and values of every scalar whose name begins so."""
        found: dict[str, tuple[list[int], list[float]]] = {}
        for row in self._rows():
            for name in sorted(row):
                if name.startswith(prefix):
                    steps, values = found.setdefault(name, ([], []))
                    steps.append(row["step"])
                    values.append(row[name])
        return found

    def _draw_measures(self) -> None:
        """Draws `measures.png`: FID on the left scale, PPL on the right."""
        curves = self._curves("measure/")
        fid, real, ppl = (curves[f"measure/{x}"] for x in ("fid", "fid_real", "ppl"))
        with plots.figure(
            self.directory / "measures.png", xlabel="step", ylabel="FID"
        ) as axes:
            lines = axes.plot(*fid, "o-", label="FID")
            lines += axes.plot(*real, ":", color="0.5", label="FID of real pictures")
            axes.set_ylim(0.0, 1.2 * _largest(fid[1] + real[1]))
            right = axes.twinx()
            right.grid(visible=False)
            right.spines["right"].set_visible(True)
            right.set_ylabel("PPL")
            lines += right.plot(*ppl, "s--", color="tab:orange", label="PPL")
            right.set_ylim(0.0, 1.5 * _largest(ppl[1]))
            axes.legend(handles=lines)


def _largest(values: list[float]) -> float:
    """The largest finite value, or 1: a training that diverges is drawn, too."""
    return max([x for x in values if np.isfinite(x)], default=0.0) or 1.0


def tile(pictures: np.ndarray, num_columns: int) -> np.ndarray:
    """Lays `[N, R, R, 3]` pictures in rows; N is a multiple of the columns."""
    pictures = np.asarray(pictures)
    num, side = pictures.shape[:2]
    grid = pictures.reshape(num // num_columns, num_columns, side, side, 3)
    return grid.transpose(0, 2, 1, 3, 4).reshape(-1, num_columns * side, 3)
