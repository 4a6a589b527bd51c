"""The card of the demo generator: written from what was run and measured."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.demo_set import demo_assets
from jax_encoder import io
from jax_encoder.avatars import face_rendering, regression, rendered
from jax_encoder.io import bundles, files, loading
from jax_encoder.metrics import pairs
from jax_encoder.nn import base
from jax_encoder.training import generator_evaluation

_CARD = """# avatars: the demo generator

A StyleGAN2 (skip) of cartoon portraits, {side} x {side} pixels, trained by this project
on the pictures of its own renderer (`jax_encoder.avatars.face_rendering`). No
photograph and no foreign weight went into it. License: Apache-2.0, as the project's.

| | |
| --- | --- |
| z, w | {z_dim}, {w_dim} numbers; {num_ws} rows of w |
| mapping network | {num_layers} layers, {hidden} wide |
| channels from 4 to {side} pixels | {channels} |
| weights | {num_weights:,}, stored in float16 |
| `statistics.npz` | mean and deviation of w, principal components of P |
| `pool_*.npz` | {pool_size} seeds; features of their pictures at {pool_side} pixels |

## How it was made

    {build}

whose stage for the generator was

    {command}

{stages}
The result is the moving average of the weights.

## Numbers

{numbers}
## The seed pool

`--start=seeds` of the default preset finds it by the networks, terms and seed that it
was made with; others are computed and cached. It holds the features of pictures that
are averaged to {pool_side} pixels: those of whole ones would take 70 MB and more.

## Limits

Outlines are softer than the renderer's. Beards and glasses are yes or no in the
renderer; between the two the generator fades.
{noise}
{mixing}
The rest is what cartoons are: none of it says anything about photographs.
"""


def write(assets: pathlib.Path, work: pathlib.Path, build: str, *, num: int) -> None:
    """Measures the demo generator and writes the card into its bundle.

    Args:
      assets: the demo set.
      work: of the build: its logs tell what was measured on the way.
      build: the command that built the set.
      num: pictures and paths to measure; 0 for none.
    """
    generator = io.load(assets / "avatars")
    config = generator.config
    provenance = bundles.describe(assets / "avatars").get("provenance") or {}
    job = provenance.get("job", {})
    params = jax.tree.leaves(nnx.state(generator, nnx.Param))
    rows = _measured(work / "generator")
    text = _CARD.format(
        side=config.resolution,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        num_ws=config.num_ws,
        num_layers=config.num_mapping_layers,
        hidden=config.hidden_dim or config.w_dim,
        channels=", ".join(map(str, config.channels)),
        num_weights=sum(x.size for x in params),
        pool_size=demo_assets.POOL_SIZE,
        pool_side=demo_assets.POOL_SIDE,
        build=build,
        command=provenance.get("command", json.dumps(provenance)),
        stages=_stages(job, _mapping_error(work / "generator")),
        numbers=_numbers(assets, num) + _history(rows),
        noise=_noise(generator),
        mixing=_mixing(job),
    )
    files.write_bytes(assets / "avatars" / "README.md", text.encode())


def measure(assets: pathlib.Path, *, num: int = 2000) -> dict[str, Any]:
    """FID and PPL of the demo generator by the demo's own networks.

    Args:
      assets: the demo set.
      num: pictures of each set, and paths.

    Returns:
      "fid" against fresh renderings, "fid_real" of two sets of renderings, "ppl", and
      "psnr" against the renderings of what z names.
    """
    generator = io.load(assets / "avatars")
    source = rendered.source(jax.random.key(5), generator.config.resolution)
    key = jax.random.key(1234)
    network, distance = (
        io.load(assets / f"avatar_{name}") for name in ("vgg", "lpips")
    )
    real = generator_evaluation.real_pictures(source, network, num=num)
    return {
        "fid": generator_evaluation.fid(generator, real, network, num=num, key=key),
        "fid_real": real.fid_real,
        "ppl": generator_evaluation.ppl(generator, distance, num=num, key=key),
        "psnr": _agreement(generator, jax.random.key(77)),
    }


def _agreement(generator: base.Generator, key: jax.Array, num: int = 256) -> float:
    """PSNR in dB of samples against the renderings of what their z names."""
    found = []
    for index, drawn in enumerate(
        generator_evaluation.samples(generator, key, num=num)
    ):
        shape = (len(drawn), generator.config.z_dim)
        z = jax.random.normal(jax.random.fold_in(key, index), shape)
        people = jax.jit(regression.people)(z)
        truth = face_rendering.render(people, generator.config.resolution)
        found.append(pairs.psnr(jnp.asarray(drawn), truth))
    return float(np.mean(np.concatenate(found)))


def _numbers(assets: pathlib.Path, num: int) -> str:
    if not num:
        return "Not measured.\n\n"
    found = measure(assets, num=num)
    return f"""{num} pictures of each set and as many paths; by the features of
`avatar_vgg` and `avatar_lpips`, comparable among themselves only.

| measure | value |
| --- | --- |
| FID against renderings | {found["fid"]:.4f} |
| FID of two sets of renderings | {found["fid_real"]:.4f} |
| PPL in W, ends of paths | {found["ppl"]:.2f} |
| PSNR against the rendering of what z names, 256 faces | {found["psnr"]:.1f} dB |

"""


def _history(rows: list[tuple[str, Mapping[str, float]]]) -> str:
    if not rows:
        return ""
    lines = ["As the training went, with a quarter of the paths:", ""]
    lines += ["| stage | step | FID | PPL |", "| --- | --- | --- | --- |"]
    for stage, row in rows:
        fid, ppl = row["measure/fid"], row["measure/ppl"]
        lines.append(f"| {stage} | {row['step']} | {fid:.4f} | {ppl:.2f} |")
    return "\n".join([*lines, "", ""])


def _measured(run: pathlib.Path) -> list[tuple[str, Mapping[str, float]]]:
    """What `experiments.train_gan` logged of FID and PPL, by stage."""
    found = []
    for stage in ("bootstrap", "adversarial"):
        path = run / stage / "scalars.jsonl"
        for line in path.read_text().splitlines() if path.exists() else ():
            row = loading.parse_json(line, path)
            if "measure/fid" in row:
                found.append((stage, row))
    return found


def _mapping_error(run: pathlib.Path) -> float | None:
    path = run / "bootstrap" / "mapping"
    if not bundles.is_bundle(path):
        return None
    return (bundles.describe(path).get("provenance") or {}).get("error")


def _stages(job: Mapping[str, Any], error: float | None) -> str:
    """Tells the stages of `experiments.train_gan`."""
    if not job:
        return ""
    changes, steps = job["changes"], job["num_steps"]
    size = changes.get("batch_size", 16)
    lines = []
    if job.get("start"):
        lines.append(
            "1. It grew from a generator of smaller pictures: the mapping network and"
            " the coarse blocks are that one's, and the new block began by adding"
            " nothing."
        )
    if job["bootstrap_steps"]:
        lines += _lessons(job, size, error, len(lines) + 1)
    if steps:
        head = changes.get("head_start", 0)
        lines.append(
            f"{len(lines) + 1}. Adversarial training, {steps:,} steps of {size}"
            f" pictures, the first {head:,} of the discriminator alone"
            + _adversarial(changes)
        )
    else:
        lines.append("There was no adversarial training.")
    return "\n".join(lines) + "\n"


def _lessons(job, size: int, error: float | None, number: int) -> list[str]:
    """Tells the regression, and the mapping's lesson where there was one."""
    lines = []
    if job["mapping_steps"]:
        left = "" if error is None else f" ({error:.1%} of their variance was left)"
        lines.append(
            f"{number}. The mapping network learnt for {job['mapping_steps']:,} steps"
            f" to make attributes and a tiny rendering linear in w{left}."
        )
    order = "" if job.get("start") else ", coarse to fine"
    lines.append(
        f"{number + len(lines)}. Regression, {job['bootstrap_steps']:,} steps of {size}"
        " pictures: z names a face, the renderer draws it, and the generator imitates"
        f" the drawing at every side{order}."
    )
    return lines


def _adversarial(changes: Mapping[str, object]) -> str:
    """What it was told beside its length."""
    options = {
        "generator_learning_rate": "the generator's rate was {:g}",
        "mixing_probability": "{:.0%} of the pictures had two parents",
        "lesson_weight": "regression of those with one went on with a weight of {:g}",
    }
    told = [text.format(changes[n]) for n, text in options.items() if changes.get(n)]
    return "".join(f"; {text}" for text in told) + "."


def _noise(generator: base.Generator) -> str:
    named = jax.tree_util.tree_leaves_with_path(nnx.to_pure_dict(nnx.state(generator)))
    strengths = [
        float(np.abs(leaf).max())
        for path, leaf in named
        if "noise_strength" in jax.tree_util.keystr(path)
    ]
    largest = max(strengths, default=0.0)
    if largest == 0.0:
        return (
            "Noise maps do nothing: their strengths are zero, so that optimizing\nthem"
            " changes no picture."
        )
    return f"Noise maps do little: their strengths are at most {largest:.3g}."


def _mixing(job: Mapping[str, object]) -> str:
    if job.get("num_steps"):
        return ""
    return (
        "Rows of w were not taught to be exchangeable (no style mixing in the"
        " training)."
    )
