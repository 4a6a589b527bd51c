"""Whether a reconstruction looks like its picture: good, fair or poor.

What a distance means depends on the network that measures it and on what the generator
can draw. So a picture's errors are held against those of pictures that the generator
drew itself, inverted by the same preset: it cannot do better than on those.

The rule: a picture is good where no error is larger than `GOOD` times what nine tenths
of the generator's own pictures stay below, fair up to `FAIR` times, else poor; of the
perceptual and the pixel error the worse counts.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import pathlib
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runs import engines
from jax_encoder.io import bundles, caches, files, json_types, loading
from jax_encoder.latents import sampling
from jax_encoder.nn import base

GOOD, FAIR = 1 / 3, 2 / 3
NUM_PICTURES = 16
VERDICTS = ("good", "fair", "poor")
_SEED = 602_214
_MIN_SPAN = 2.0
_MAX_ERROR = 1e30
_LEVELS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_TYPICAL = "0.9"
_VERSION = 2  # of the tables: one of another version is not found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """Errors of a generator's own pictures.

    Attributes:
      num: pictures measured.
      quantiles: per error ("lpips", and "rmse" in units of [-1, 1]), the value below
        which a share of the pictures lies, by the share as text.
      chance: per error, the median between two different pictures.
      about: JSON values on how they were inverted.
    """

    num: int
    quantiles: Mapping[str, Mapping[str, float]]
    chance: Mapping[str, float]
    about: Mapping[str, json_types.Json] = dataclasses.field(default_factory=dict)


def rmse(psnr: float) -> float:
    """The root of the mean squared error of values in [-1, 1], from decibels."""
    return 2.0 * 10.0 ** (-psnr / 20.0)


def judge(row: Mapping[str, json_types.Json], table: Table) -> str:
    """The verdict on a picture.

    An error is placed on a logarithmic scale from what is normal for the generator's
    own pictures (0) to that of another picture altogether (1): up to a third is good,
    up to two thirds fair. Of several errors the worst counts.

    Args:
      row: of the summary, with "status", "psnr" and where known "lpips".
      table: of the generator.

    Returns:
      "good", "fair" or "poor"; "" for a picture that failed.
    """
    if row["status"] == "failed":
        return ""
    psnr, lpips = row.get("psnr"), row.get("lpips")
    if row["status"] == "diverged" or psnr is None:
        return "poor"
    errors = {"rmse": rmse(psnr)} | ({} if lpips is None else {"lpips": lpips})
    place = max(_place(errors[name], table, name) for name in errors)
    return VERDICTS[int(place > GOOD) + int(place > FAIR)]


def _place(error: float, table: Table, name: str) -> float:
    """Where an error lies between the normal one (0) and that of chance (1)."""
    if name not in table.quantiles:
        return 0.0
    normal = max(table.quantiles[name][_TYPICAL], 1e-6)
    span = max(table.chance[name] / normal, _MIN_SPAN)
    return math.log(max(error / normal, 1e-9)) / math.log(span)


def tabulate(
    measures: Mapping[str, np.ndarray],
    chance: Mapping[str, float],
    about: Mapping[str, object] | None = None,
) -> Table:
    """Makes a table of the measures of a generator's own pictures.

    Args:
      measures: "psnr" and where known "lpips", `[N]` each.
      chance: of `chance`.
      about: JSON values on how they were inverted.

    Returns:
      The table.
    """
    errors = {"rmse": np.array([rmse(x) for x in measures["psnr"]])}
    if "lpips" in measures:
        errors["lpips"] = np.asarray(measures["lpips"])
    quantiles = {
        name: {f"{q:g}": float(np.quantile(values, q)) for q in _LEVELS}
        for name, values in errors.items()
    }
    num = len(errors["rmse"])
    return Table(num=num, quantiles=quantiles, chance=chance, about=dict(about or {}))


def chance(pictures: np.ndarray, lpips: object = None) -> dict[str, float]:
    """The errors of taking one picture for the next.

    Args:
      pictures: `[N, R, R, C]` in [-1, 1], two or more.
      lpips: a distance of batches of pictures; None to leave it out.

    Returns:
      Medians, as `Table.chance` holds them.
    """
    others = np.roll(pictures, 1, axis=0)
    squares = np.mean(np.square(pictures - others), axis=(1, 2, 3))
    found = {"rmse": float(np.median(np.sqrt(squares)))}
    if lpips is not None:
        distance = jax.jit(lambda network, x, y: network(x, y))
        apart = [
            float(distance(lpips, pictures[k : k + 1], others[k : k + 1])[0])
            for k in range(len(pictures))
        ]
        found["lpips"] = float(np.median(apart))
    return found


def own_pictures(
    generator: base.Generator, num: int, label: jax.Array | None = None
) -> np.ndarray:
    """Pictures that a generator draws from random latents, without truncation.

    Args:
      generator: draws.
      num: how many.
      label: `[1, c_dim]`; conditional generators only.

    Returns:
      `[num, R, R, 3]` in [-1, 1].
    """
    config = generator.config
    z = jax.random.normal(jax.random.key(_SEED), (num, config.z_dim))
    drawn = [_draw(generator, z[k : k + 1], label) for k in range(num)]
    return np.concatenate([np.asarray(one) for one in drawn])


@jax.jit
def _draw(generator, z, label):
    ws = sampling.map_to_ws(generator, z, label)
    return jnp.clip(generator.synthesis(ws), -1.0, 1.0)


def measure(
    engine: engines.Engine, targets: np.ndarray, batch_size: int
) -> dict[str, np.ndarray]:
    """Inverts pictures and returns their measures only.

    Args:
      engine: inverts.
      targets: `[N, R, R, 3]`.
      batch_size: pictures at a time; the last batch is padded.

    Returns:
      Measures by name, `[N]` each.
    """
    parts = []
    size = -(-min(batch_size, len(targets)) // engine.multiple) * engine.multiple
    for start in range(0, len(targets), size):
        part = targets[start : start + size]
        padded = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
        state = engine.init(padded, [f"own {start + k}" for k in range(size)])
        for advanced, _ in engine.iterate(padded, state):
            state = advanced
        found = engine.finish(padded, state, len(part)).measures
        parts.append({k: np.asarray(v)[: len(part)] for k, v in found.items()})
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def key(settings: Mapping[str, object], network: str) -> str:
    """Tells a table's file from those of other generators, presets and networks.

    Args:
      settings: of the engine: generator, start, projector...
      network: the SHA-256 of the perceptual network's weights.
    """
    kept = {k: v for k, v in settings.items() if k not in ("crop", "seed")}
    text = json.dumps([kept, network, NUM_PICTURES, _VERSION], sort_keys=True)
    return f"reconstruction_{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"


def load(name: str, bundle: pathlib.Path) -> Table | None:
    """Finds a table in a generator's bundle or in the cache.

    Args:
      name: of `key`.
      bundle: the generator's.

    Returns:
      The table, or None where there is none that can be read.
    """
    with contextlib.suppress(ValueError):
        path = bundles.companion(bundle, name)
        if path is not None:
            return read(path)
    return caches.recall("statistics", name, read)


def read(path: pathlib.Path) -> Table:
    """Reads a table; a ValueError says that the file holds none."""
    content = loading.read_json(path)
    try:
        table = Table(**content)
        numbers = [table.quantiles[name][_TYPICAL] for name in table.quantiles]
        numbers += [table.chance[name] for name in table.quantiles]
    except Exception as error:  # foreign JSON holds anything
        raise loading.LoadError(path, "no table of reconstructions") from error
    are_errors = all(
        isinstance(x, int | float) and 0 <= x < _MAX_ERROR for x in numbers
    )
    if "rmse" not in table.quantiles or not are_errors:
        raise loading.LoadError(path, "its quantiles are no errors")
    return table


def save(table: Table, name: str, directory: pathlib.Path | None = None) -> None:
    """Writes a table as JSON, whole or not at all.

    Args:
      table: the table.
      name: of `key`.
      directory: a bundle; None for the cache, where failing to is only said.
    """
    content = dataclasses.asdict(table)
    if directory is None:
        caches.keep("statistics", name, lambda path: files.write_json(path, content))
    else:
        files.write_json(directory / name, content)


def add(
    rows: Sequence[Mapping[str, object]], table: Table | None
) -> list[json_types.Row]:
    """The rows of a summary, with "verdict" where there is a table to judge by."""
    if table is None:
        return [dict(row) for row in rows]
    judged = [(row, judge(row, table)) for row in rows]
    return [{**row, **({"verdict": v} if v else {})} for row, v in judged]
