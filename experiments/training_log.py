"""What a training leaves behind while it runs: scalars, curves and sheets."""

import json
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jax_encoder.io import images, plots


class TrainingLog:
    """Writes TensorBoard events, `scalars.jsonl`, `curves.png` and sample sheets.

    TensorBoard events need the `train` extra, curves the `plot` extra; without them
    the rest is written all the same.
    """

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._pending: list[Mapping[str, Any]] = []
        self._start = time.monotonic()
        self._num_pictures = 0
        try:
            import tensorboardX
        except ImportError:
            self._events = None
        else:
            self._events = tensorboardX.SummaryWriter(str(directory / "events"))

    def add(self, report: Mapping[str, Any], num_pictures: int) -> None:
        """Keeps the scalars of one step until `flush`; they may still be computed."""
        self._pending.append(report)
        self._num_pictures += num_pictures

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
        with (self._directory / "scalars.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)
            self._events.flush()
        line = ", ".join(f"{name} {values[name]:.4g}" for name in sorted(values))
        return f"step {step}: {line}"

    def sheet(self, name: str, pictures: np.ndarray, num_columns: int = 8) -> None:
        """Writes `[N, R, R, 3]` pictures in rows; N is a multiple of the columns."""
        pictures = np.asarray(pictures)
        num, side = pictures.shape[:2]
        grid = pictures.reshape(num // num_columns, num_columns, side, side, 3)
        grid = grid.transpose(0, 2, 1, 3, 4).reshape(-1, num_columns * side, 3)
        images.write(self._directory / f"{name}.png", np.clip(grid, -1.0, 1.0))
        if self._events is not None:
            self._events.add_image(name, images.to_uint8(grid), dataformats="HWC")

    def curves(self) -> None:
        """Draws the losses so far as `curves.png`."""
        path = self._directory / "scalars.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        names = sorted({n for row in rows for n in row if n.startswith("loss")})
        try:
            with plots.figure(
                self._directory / "curves.png", xlabel="step", ylabel="loss"
            ) as axes:
                for name in names:
                    points = [(row["step"], row[name]) for row in rows if name in row]
                    axes.plot(*zip(*points, strict=True), label=name)
                axes.legend()
        except ImportError:
            return
