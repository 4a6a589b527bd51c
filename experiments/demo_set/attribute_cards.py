"""Measures the bundles of `train_attributes`, and writes their cards."""

import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jax_encoder import io
from jax_encoder.avatars import attribute_network as attributes
from jax_encoder.avatars import distance_lessons as perceptual
from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.io import files

_NUM = 512  # Held-out people, two pictures of each.
_VGG = """# avatar_vgg

A small network in VGG's layout that reads the {num} attributes of procedural faces.
`network.features` gives perceptual features (relu1_1 to relu5_1),
`network.embed` the embedding by which people are told apart, and
`jax_encoder.avatars.attribute_network.predict` the attributes.

## How it was made

Trained from nothing on {num_pictures} pictures of `jax_encoder.avatars.face_rendering`
at {resolution} pixels; the weights are a moving average, stored in float16:

    {command} --output_dir=runs/attributes

## Numbers

On {num_held} held-out renderings. "Error" is the mean absolute difference,
"relative" the same in standard deviations of the population, each over the
pictures that show the attribute.

{table}

Mean relative error {relative:.3f}; accuracy of the binary attributes
{accuracy:.4f}.

Two pictures of a person in another pose, light, expression, background: mean
cosine of the embeddings {same:.3f}, of different people {different:.3f}; the same
person is closer than different people in {ranking:.4f} of comparisons (area under
the curve), and nearest of {num_held} pictures in {retrieval:.3f}.

## Limits

It knows cartoon faces and nothing else. Pictures of any size are averaged to
{resolution} pixels first. Attributes that cover few pixels (see the table) are read
poorly.
"""
_LPIPS = """# avatar_lpips

An LPIPS-like distance (Zhang et al. 2018, arXiv:1801.03924) on the features of
`avatar_vgg`, with weights, none negative, fitted to the distance of attributes.

## How it was made

    {command} --output_dir=runs/attributes

Pairs of faces differ in a random share of their attributes by a random fraction.
Attribute distance is the root mean square, over all attributes, of the differences in
standard deviations of the population (hues the shorter way round; what does not show
in both faces counts as equal). The perceptual distance estimates its square.

## Numbers

Spearman rank correlation with the attribute distance, on {num_held} held-out pairs:
{spearman:.4f} (without weights {plain:.4f}; mean squared error of the pixels
{pixels:.4f}). On pairs of unrelated faces, whose distances hardly differ:
{unrelated:.4f}.

## Limits

Made for pictures of {resolution} pixels: reduce larger ones first. It knows cartoon
faces only.
"""


def write(root: pathlib.Path, options: dict, key: jax.Array) -> dict:
    """Measures both bundles on held-out faces; writes `metrics.json` and the cards.

    Args:
      root: holds `avatar_vgg` and `avatar_lpips`.
      options: how they were made: "command", "resolution", "num_pictures".
      key: of the held-out faces.

    Returns:
      The metrics.
    """
    people, pairs, others = jax.random.split(key, 3)
    truth = attributes.draw_people(people, _NUM)
    side = options["resolution"]
    images = face_rendering.render(truth, side)
    network = io.load(root / "avatar_vgg")
    table = attributes.evaluate(network, images, truth)
    metrics = {
        "attributes": table,
        "relative": float(np.mean([row["relative"] for row in table.values()])),
        "accuracy": float(
            np.mean([r["accuracy"] for r in table.values() if len(r) > 2])
        ),
        "identity": attributes.evaluate_identity(network, images),
        "distance": _distances(io.load(root / "avatar_lpips"), pairs, others, side),
    }
    text = json.dumps(metrics, indent=1) + "\n"
    files.write_bytes(root / "metrics.json", text.encode())
    shared = options | {"num": len(table), "num_held": 2 * _NUM}
    values = shared | metrics | metrics["identity"] | {"table": _table(table)}
    files.write_bytes(root / "avatar_vgg/README.md", _VGG.format(**values).encode())
    values = shared | metrics["distance"]
    files.write_bytes(root / "avatar_lpips/README.md", _LPIPS.format(**values).encode())
    return metrics


def _distances(distance, pairs, others, side):
    attributes_a, attributes_b = perceptual.draw_pairs(pairs, 2 * _NUM)
    images_a, images_b = (
        face_rendering.render(attributes_a, side),
        face_rendering.render(attributes_b, side),
    )
    truth = perceptual.attribute_distance(attributes_a, attributes_b)
    channels = perceptual.channel_distances(distance, images_a, images_b)
    weights = np.concatenate(
        [np.asarray(getattr(distance.heads, f"lin{i}")[...]) for i in range(5)]
    )
    unweighted = np.asarray(channels) / np.maximum(weights, 1e-12)[None]
    unrelated = face_attributes.sample(others, 2 * _NUM)
    rendered = face_rendering.render(unrelated, side)
    apart = perceptual.attribute_distance(*jnp.split(unrelated, 2))

    def correlation(distances, truth):
        found: Any = stats.spearmanr(distances, truth)
        return float(found.statistic)

    return {
        "spearman": correlation(channels.sum(axis=1), truth),
        "plain": correlation(unweighted.sum(axis=1), truth),
        "pixels": correlation(((images_a - images_b) ** 2).mean(axis=(1, 2, 3)), truth),
        "unrelated": correlation(distance(*jnp.split(rendered, 2)), apart),
    }


def _table(table):
    lines = ["| attribute | error | relative | accuracy |", "|---|---|---|---|"]
    for name, row in table.items():
        accuracy = f"{row['accuracy']:.4f}" if "accuracy" in row else ""
        error, relative = row["error"], row["relative"]
        lines.append(f"| {name} | {error:.3f} | {relative:.3f} | {accuracy} |")
    return "\n".join(lines)
