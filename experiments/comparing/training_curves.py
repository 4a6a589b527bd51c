"""The measures of a training over its checkpoints, and its worst paths on a sheet."""

import csv
import io
import pathlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.comparing import evaluation, evaluation_report
from experiments.launch import command_line
from jax_encoder.io import (
    bundles,
    contact_sheet,
    files,
    images,
    json_types,
    panels,
    plots,
)
from jax_encoder.metrics import path_length
from jax_encoder.nn import base
from jax_encoder.training import checkpoints

_STAGES = ("bootstrap", "adversarial")
_TITLES = {
    "fid": "FID",
    "kid": "KID",
    "frechet_distance": "Fréchet distance (not Inception's features: no FID)",
    "kernel_distance": "kernel distance (not Inception's features: no KID)",
    "precision": "precision",
    "recall": "recall",
    "path_length": "perceptual path length",
}
_NUM_WORST = 6
_STEPS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)


def generators(directory: str) -> Iterator[tuple[str, int, base.Generator]]:
    """Yields a training's averaged generators: stage, step, network.

    Args:
      directory: of `train_gan`, with its bundle `generator` and its checkpoints.

    Raises:
      Failure: it is no such directory, or holds no checkpoint.
    """
    root = pathlib.Path(directory)
    if not bundles.is_bundle(root / "generator"):
        raise command_line.Failure(
            f"{directory}: holds no bundle `generator`, as the folder of a training"
            " that `train_gan` finished does."
        )
    made = bundles.load(root / "generator")
    graphdef, average, rest = nnx.split(made, nnx.Param, ...)
    found = 0
    for stage in _STAGES:
        where = root / stage / "checkpoints"
        for step in checkpoints.steps(where):
            found += 1
            weights = checkpoints.restore_part(where, "average", average, step=step)
            yield stage, step, nnx.merge(graphdef, weights, rest)
    if not found:
        raise command_line.Failure(f"{directory}: holds no checkpoints.")


def run(
    directory: str,
    options: evaluation.EvaluationOptions,
    networks: base.Networks,
    output: pathlib.Path,
) -> int:
    """Judges every checkpoint; writes a table, curves and the last one's worst paths.

    Args:
      directory: of the training.
      options: as for one generator.
      networks: that measure.
      output: where to write.

    Returns:
      The exit code.

    Raises:
      ValueError: what is asked for needs a network not given.
    """
    rows: list[json_types.Row] = []
    output = files.make_directory(output)
    generator, report = None, None
    for stage, step, generator in generators(directory):
        report = evaluation.run(options, networks, generator)
        row: json_types.Row = {"stage": stage, "step": step, **report.sets}
        if report.lengths is not None:
            row["path_length"] = report.about["path_length"]["mean"]
        rows.append(row)
        shown = ", ".join(f"{k} {v:.4g}" for k, v in row.items() if k not in ("stage",))
        print(f"{stage}: {shown}", flush=True)
    assert report is not None
    _write_table(output, rows)
    _draw(output, directory, rows)
    if report.lengths is not None:
        assert generator is not None
        write_worst_paths(generator, options, report.lengths, output)
    report.about["training"] = directory
    evaluation_report.write(output, report)
    print(f"{len(rows)} checkpoints; written to {output}.")
    return 1 if report.failures else 0


def _write_table(output: pathlib.Path, rows: list[dict[str, object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    files.write_bytes(output / "training.csv", text.getvalue().encode())


def _draw(output: pathlib.Path, directory: str, rows: list[dict[str, object]]) -> None:
    """One panel per measure, one line per stage."""
    names = [name for name in _TITLES if name in rows[0]]
    title = f"{pathlib.Path(directory).name}: {len(rows)} checkpoints"
    paths = [output / f"training.{extension}" for extension in ("png", "svg")]
    shape, size = (1, max(len(names), 1)), (3.4, 2.8)
    with panels.panels(paths, shape, title=title, size=size) as grid:
        for axis, name in zip(grid[0], names, strict=False):
            for color, stage in zip(plots.COLORS, _STAGES, strict=False):
                own = [(r["step"], r[name]) for r in rows if r["stage"] == stage]
                if own:
                    line = np.asarray(own, float)
                    axis.plot(*line.T, "o-", color=color, label=stage)
            axis.set_title(_TITLES[name], fontsize=8)
            axis.set(xlabel="step")
            axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
            axis.legend(fontsize=7)


def write_worst_paths(
    generator: base.Generator,
    options: evaluation.EvaluationOptions,
    lengths: np.ndarray,
    output: pathlib.Path,
) -> None:
    """Writes `worst_paths.png`: what long paths look like, and a usual one.

    Each row goes along one path, from where it was measured. A long path changes what
    it shows within a small step; the usual one, last, hardly does.

    Args:
      generator: that was measured.
      options: of the measurement.
      lengths: `[N]` that it gave.
      output: a directory.
    """
    order = np.argsort(-lengths, kind="stable")
    chosen = [*order[:_NUM_WORST], order[len(order) // 2]]
    show = jax.jit(
        path_length.show_path, static_argnames=("index", "config", "batch_size")
    )
    rows, captions = [], []
    for index in dict.fromkeys(int(k) for k in chosen):
        pictures = show(
            generator,
            jax.random.key(options.seed),
            index,
            jnp.asarray(_STEPS),
            config=options.path,
            batch_size=options.batch_size,
        )
        shown = np.clip(np.asarray(pictures), -1.0, 1.0)
        rows.append([images.with_channels(picture, 3) for picture in shown])
        far = np.sqrt(np.mean(np.square(shown[1:] - shown[:1]), axis=(1, 2, 3)))
        captions.append(["", *(f"RMS {x:.3f}" for x in far)])
    names = [f"{lengths[int(k)]:.3g}" for k in dict.fromkeys(map(int, chosen))]
    sheet = contact_sheet.draw(
        rows,
        captions=captions,
        row_labels=names,
        column_labels=[f"place +{step:g}" for step in _STEPS],
        title=f"The longest of {len(lengths)} paths by their length; last, a usual one",
        side=112,
    )
    images.write(output / "worst_paths.png", sheet, is_report=True)
