"""The card of the demo's encoder, and the figures on it."""

import dataclasses
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.networks import resources
from jax_encoder import io
from jax_encoder.avatars import attribute_network, face_attributes, face_rendering
from jax_encoder.inversion import driver, presets, starts
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.io import bundles, files
from jax_encoder.metrics import pairs
from jax_encoder.training import encoder_evaluation

NAME = "avatars_encoder"
_HELD_OUT_SEED = 141421
_CARD = """# avatars_encoder: pictures to codes of the demo generator

A small convolutional encoder: a picture of {side} x {side} pixels to the {num_ws}
rows of W+ of `avatars`, in one pass. {num_weights:,} weights, stored in float16.
Trained by this project on its own renderings and the generator's own pictures; no
photograph and no foreign weight went into it. License: Apache-2.0, as the project's.

## How it was made

    {command}

{history}
First the encoder learned known codes (z names a face, the renderer draws it, the
mapping network says its w); the error of w was weighted by how much it changes
pictures. Then it learned by what its codes render, as e4e: pixels, `avatar_lpips`,
identity by `avatar_vgg`, short differences between rows, and a latent discriminator.

## Figures

{num} held-out renderings, by `experiments.demo_set.encoder_card.measure`; medians.

| | PSNR | LPIPS | identity |
| --- | --- | --- | --- |
{alone}
Of these reconstructions `avatar_vgg` reads {binary:.1%} of the binary attributes right
(of the renderings themselves {binary_truth:.1%}), and attributes with a mean error of
{error:.3f} standard deviations ({error_truth:.3f}). Latent editing consistency, by the
main direction of w, at a strength of 3: {lec:.2f}.

The first {num_refined} of them, refined by the terms of the preset `default`:

| | PSNR | LPIPS |
| --- | --- | --- |
{refined}
## Limits

It knows the renderer's faces, centered and upright as they are; of anything else it
makes the nearest face that it knows.
"""

_TOLD = {
    "alone": "the encoder alone",
    "fast": "and 30 evaluations (`fast`)",
    "mean": "150 evaluations from the mean",
}


def write(assets: pathlib.Path, *, num: int = 200, num_refined: int = 32) -> None:
    """Measures the encoder and writes the card into its bundle.

    Args:
      assets: the demo set.
      num: held-out renderings to encode; 0 for no card.
      num_refined: how many of them to refine as well.
    """
    if not num:
        return
    bundle = assets / NAME
    found = measure(assets, num=num, num_refined=num_refined)
    made = bundles.describe(bundle).get("provenance") or {}
    text = _CARD.format(
        command=made.get("command", ""),
        history=made.get("history", ""),
        num=num,
        num_refined=num_refined,
        **found
        | {
            "alone": _row("the encoder alone", found["alone"], "identity"),
            "lec": found["alone"]["lec"],
            "refined": "".join(
                _row(_TOLD[name], row) for name, row in found["refined"].items()
            ),
        },
    )
    files.write_bytes(bundle / "README.md", text.encode())


def _row(name: str, figures: dict[str, float], *more: str) -> str:
    cells = [f"{figures['psnr']:.2f} dB", f"{figures['lpips']:.4f}"]
    cells += [f"{figures[column]:.3f}" for column in more]
    return f"| {name} | {' | '.join(cells)} |\n"


def measure(assets: pathlib.Path, *, num: int, num_refined: int) -> dict[str, Any]:
    """Measures the encoder of a demo set on held-out renderings.

    Args:
      assets: the demo set.
      num: renderings.
      num_refined: how many of them to refine as well.

    Returns:
      the figures of the card.
    """
    encoder, models = io.load(assets / NAME), _models(assets)
    people = face_attributes.sample(jax.random.key(_HELD_OUT_SEED), num)
    pictures = np.asarray(
        face_rendering.render(people, models.generator.config.resolution)
    )
    direction = encoder_evaluation.main_direction(models.generator, jax.random.key(2))
    alone = encoder_evaluation.measure(
        encoder,
        models.generator,
        pictures,
        networks=models.networks,
        direction=direction,
    )
    found = encoder_evaluation.reconstruct(encoder, models.generator, pictures)
    params = jax.tree.leaves(nnx.state(encoder, nnx.Param))
    read, truth = (_read(models, x, people) for x in (found, pictures))
    return {
        "side": models.generator.config.resolution,
        "num_ws": models.generator.config.num_ws,
        "num_weights": sum(x.size for x in params),
        "alone": alone,
        "binary": read[0],
        "binary_truth": truth[0],
        "error": read[1],
        "error_truth": truth[1],
        "refined": refine(encoder, models, jnp.asarray(pictures[:num_refined])),
    }


def refine(encoder: object, models: Models, targets: jax.Array) -> dict[str, object]:
    """Compares the encoder, 30 evaluations from it, and 150 from the mean.

    Args:
      encoder: from pictures to whole codes.
      models: the demo's.
      targets: `[N, R, R, 3]`.

    Returns:
      medians of "psnr" and "lpips" of "alone", "fast" and "mean".
    """
    first = jax.jit(lambda network, x: network(x))(encoder, targets)
    mean = starts.mean(models, "w+", len(targets))
    default = presets.get("default").config
    fast = dataclasses.replace(presets.get("fast").config, stages=())
    slow = dataclasses.replace(default, num_steps=150)
    found = {
        "alone": first,
        "fast": _project(models, targets, first, fast),
        "mean": _project(models, targets, mean, slow),
    }
    return {name: _medians(models, ws, targets) for name, ws in found.items()}


def _models(assets: pathlib.Path) -> Models:
    source = resources.generator(str(assets / "avatars"))
    paths = {"lpips": "avatar_lpips", "identity": "avatar_vgg"}
    return Models(
        generator=source.network,
        networks={name: io.load(assets / path) for name, path in paths.items()},
        statistics=resources.latent_statistics(source),
    )


def _project(models, targets, values, config: ProjectorConfig) -> jax.Array:
    projection, _ = driver.project(
        models, targets, values, jax.random.key(0), config=config
    )
    return projection.ws


@jax.jit
def _compare(models, ws, targets):
    images = jnp.clip(models.generator.synthesis(ws), -1.0, 1.0)
    return {
        "psnr": pairs.psnr(images, targets),
        "lpips": models.networks["lpips"](images, targets),
    }


def _medians(models, ws, targets) -> dict[str, float]:
    found = _compare(models, ws, targets)
    return {name: float(np.median(values)) for name, values in found.items()}


def _read(models: Models, pictures: np.ndarray, people: jax.Array):
    """The share of binary attributes that are right, and the mean error of all."""
    predict = jax.jit(attribute_network.predict)
    found = predict(models.networks["identity"], jnp.asarray(pictures))
    is_right = (found > 0.5) == (people > 0.5)
    binary = float(np.mean(np.asarray(is_right)[:, face_attributes.IS_BINARY]))
    return binary, float(np.mean(attribute_network.errors(found, people)))
