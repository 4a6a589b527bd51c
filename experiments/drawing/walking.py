"""A run of `walk`: codes of seeds or files, and what is shown of them."""

import dataclasses
import math
import pathlib
from collections.abc import Sequence

import numpy as np

from experiments.drawing import sweeps, walks
from experiments.editing.code_sets import Code
from experiments.editing.edit_rendering import Renderer
from experiments.launch import command_line
from experiments.networks import resources
from jax_encoder.errors import InputError
from jax_encoder.io import files, films, json_types
from jax_encoder.latents import maps
from jax_encoder.latents.sampler import Sampler

KINDS = ("interpolate", "truncation", "mixing", "neighbors")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class WalkTask:
    """What the flags of `walk` say; see there."""

    show: tuple[str, ...] = ("interpolate",)
    seeds: tuple[int, ...] = (1, 2, 3, 4)
    codes: Sequence[Code] | None = None
    num_frames: int = 90
    is_loop: bool = False
    psis: tuple[float, ...] = (0.0, 0.5, 1.0)
    data: str = ""
    num_neighbors: int = 8
    lpips: str | None = None
    film: str = ".mp4"
    formats: tuple[str, ...] = ("png", "svg")


def parse_psis(text: str) -> tuple[float, ...]:
    """Reads "0,0.5,1".

    Raises:
      UsageError: these are no finite numbers.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(math.isfinite(psi) and abs(psi) <= 10 for psi in found):
        raise command_line.UsageError(
            f'--psis={text}: give numbers of -10 to 10, such as "0,0.5,1".'
        )
    return found


def run(task: WalkTask, renderer: Renderer, output: pathlib.Path) -> None:
    """Draws and writes what was asked for, and `summary.json`.

    Args:
      task: what to show.
      renderer: makes pictures.
      output: a directory that exists.

    Raises:
      UsageError: too few codes.
    """
    if task.film and "interpolate" in task.show:
        films.check(f"film{task.film}")
    if "neighbors" in task.show:
        maps.import_sklearn()
    is_demo = renderer.source.path == resources.DEMO_GENERATOR
    networks = resources.networks(["lpips"], {"lpips": task.lpips}, is_demo=is_demo)
    ws, labels = _codes(task, renderer)
    if len(ws) < 2 and {"interpolate", "mixing"} & set(task.show):
        raise command_line.UsageError("Give two seeds or codes at least.")
    summary: json_types.Row = {"codes": labels}
    for kind in task.show:
        summary[kind] = _DRAWN[kind](
            task, renderer, networks["lpips"], ws, labels, output
        )
    files.write_json(output / "summary.json", summary)
    print(f"Wrote {', '.join(task.show)} of {len(ws)} codes: {output}.")


def _codes(task: WalkTask, renderer: Renderer) -> tuple[np.ndarray, list[str]]:
    if task.codes is not None:
        ws = np.concatenate([renderer.ws(code) for code in task.codes])
        return ws, [code.name for code in task.codes]
    sampler = Sampler(
        generator=renderer.source.network,
        truncation_psi=renderer.truncation_psi,
        truncation_cutoff=renderer.truncation_cutoff,
        label=renderer.label,
        batch_size=renderer.batch_size,
    )
    try:
        return sampler.ws(task.seeds), [f"seed {seed}" for seed in task.seeds]
    except InputError as error:
        raise command_line.UsageError(str(error)) from error


def _interpolate(task: WalkTask, renderer, lpips, ws, labels, output):
    del ws, labels
    walk = walks.take(
        renderer, lpips, list(task.seeds), task.num_frames, is_loop=task.is_loop
    )
    return walks.draw(
        walk,
        renderer,
        list(task.seeds),
        output,
        film=task.film,
        formats=task.formats,
    )


def _truncation(task: WalkTask, renderer, lpips, ws, labels, output):
    return sweeps.truncation(
        renderer,
        lpips,
        ws,
        labels,
        task.psis,
        output,
        cutoff=renderer.truncation_cutoff,
        formats=task.formats,
    )


def _mixing(task: WalkTask, renderer, lpips, ws, labels, output):
    del task
    return sweeps.mixing(renderer, lpips, ws, labels, output)


def _neighbors(task: WalkTask, renderer, lpips, ws, labels, output):
    return sweeps.near(
        renderer, lpips, ws, labels, task.data, output, num=task.num_neighbors
    )


_DRAWN = {
    "interpolate": _interpolate,
    "truncation": _truncation,
    "mixing": _mixing,
    "neighbors": _neighbors,
}
