"""Parts of the demo set that are no training: bundles, examples and the card."""

import json
import pathlib
from typing import Any

import jax
import numpy as np

from jax_encoder import io
from jax_encoder.data import face_attributes, faces
from jax_encoder.io import bundles, files, images
from jax_encoder.latents import styles
from jax_encoder.training import evaluation, sources

# Held out: no training draws from these keys.
_OWN_SEED, _RENDERED_SEED = 2026, 31337
_NUM_EXAMPLES = 2


def shrink(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a bundle with its arrays in half precision."""
    provenance = bundles.describe(source)["provenance"]
    io.save(io.load(source), target, provenance=provenance, dtype="float16")


def write_examples(generator_path: pathlib.Path, directory: pathlib.Path) -> None:
    """Writes pictures to invert: the generator's own, and held-out renderings.

    Args:
      generator_path: bundle of the generator.
      directory: where `generated_N.png` goes with the true ws in `generated_N.npz`, and
        `rendered_N.png` with the true attributes in `rendered_N.npz`.
    """
    generator = io.load(generator_path)
    config = generator.config
    directory.mkdir(parents=True, exist_ok=True)
    z = jax.random.normal(jax.random.key(_OWN_SEED), (_NUM_EXAMPLES, config.z_dim))
    ws = styles.broadcast(generator.mapping(z), config.num_ws)
    own = np.clip(np.asarray(generator.synthesis(ws)), -1.0, 1.0)
    people = face_attributes.sample(jax.random.key(_RENDERED_SEED), _NUM_EXAMPLES)
    rendered = np.asarray(faces.render(people, config.resolution))
    for index in range(_NUM_EXAMPLES):
        name = directory / f"generated_{index + 1}"
        images.write(name.with_suffix(".png"), own[index])
        np.savez(name.with_suffix(".npz"), ws=ws[index], z=z[index])
        name = directory / f"rendered_{index + 1}"
        images.write(name.with_suffix(".png"), rendered[index])
        values = np.asarray(people[index])
        np.savez(
            name.with_suffix(".npz"),
            attributes=values,
            names=np.asarray(face_attributes.NAMES),
        )


def measure(assets: pathlib.Path, *, num: int = 2000) -> dict[str, Any]:
    """FID and PPL of the demo generator by the demo's own networks.

    Args:
      assets: the demo set.
      num: pictures of each set, and paths.

    Returns:
      "fid" against fresh renderings, "fid_real" of two sets of renderings, "ppl".
    """
    generator = io.load(assets / "avatars")
    source = sources.rendered(jax.random.key(5), generator.config.resolution)
    key = jax.random.key(1234)
    network, distance = (
        io.load(assets / f"avatar_{name}") for name in ("vgg", "lpips")
    )
    real = evaluation.real_pictures(source, network, num=num)
    return {
        "fid": evaluation.fid(generator, real, network, num=num, key=key),
        "fid_real": real.fid_real,
        "ppl": evaluation.ppl(generator, distance, num=num, key=key),
    }


def write_card(assets: pathlib.Path, *, num: int) -> None:
    """Writes the generator's card into its bundle."""
    about = bundles.describe(assets / "avatars")
    lines = [
        "# avatars: the demo generator",
        "",
        "A StyleGAN2 (skip) of cartoon portraits, trained by this project on the"
        " pictures of its own renderer (`jax_encoder.data.faces`). No photograph and no"
        " foreign weight went into it. Licence: Apache-2.0, as the project's.",
        "",
        "Made by `python -m experiments.build_demo`; the stages' options:",
        "",
        "```json",
        json.dumps(about["provenance"], indent=2),
        "```",
    ]
    if num:
        found = measure(assets, num=num)
        lines += [
            "",
            f"On {num} pictures each, by the features of `avatar_vgg` (comparable among"
            " themselves only):",
            "",
            "| measure | value |",
            "| --- | --- |",
            f"| FID against renderings | {found['fid']:.4g} |",
            f"| FID of renderings against renderings | {found['fid_real']:.4g} |",
            f"| PPL (W, ends, `avatar_lpips`) | {found['ppl']:.4g} |",
        ]
    text = "\n".join(lines) + "\n"
    files.write_bytes(assets / "avatars" / "README.md", text.encode())
