"""Whether a reconstruction shows the same person: read by the demo's own network.

Of a rendering the true attributes are known. The network that reads attributes has an
error of its own, measured on renderings; on a good reconstruction it is hardly larger.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.avatars import attribute_network as attributes
from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.io import files, images, loading

# A reconstruction may be read this much worse than renderings are.
TOLERANCE = 1.5
# Standard deviations among people by which an attribute may be read otherwise of a
# reconstruction than of its picture.
MAY_DIFFER = 1.0
_HELD_OUT_SEED = 577215


def write_renderings(directory: pathlib.Path, num: int, resolution: int) -> None:
    """Writes held-out renderings and, as `attributes.json`, who they show.

    Args:
      directory: gets `rendered_001.png`, ...
      num: how many; no training draws them.
      resolution: their side.
    """
    files.make_directory(directory)
    people = face_attributes.sample(jax.random.key(_HELD_OUT_SEED), num)
    pictures = np.asarray(face_rendering.render(people, resolution))
    truth: dict[str, Any] = {}
    for index, (values, picture) in enumerate(zip(people, pictures, strict=True)):
        name = f"rendered_{index + 1:03}.png"
        images.write(directory / name, picture)
        truth[name] = face_attributes.by_name(values)
    files.write_json(directory / face_attributes.TRUTH, truth)


def read_truth(directory: pathlib.Path) -> dict[str, dict[str, float]]:
    """Reads who the pictures of a directory show, by file name; {} if unknown.

    A person's own file of that name says nothing that is understood here.
    """
    path = directory / face_attributes.TRUTH
    try:
        found = loading.read_json(path) if path.is_file() else {}
    except loading.LoadError:
        return {}
    rows = found.items() if isinstance(found, dict) else ()
    return {name: row for name, row in rows if _is_person(row)}


def _is_person(row: object) -> bool:
    """Whether a value holds a finite number for every attribute."""
    if not isinstance(row, dict):
        return False
    values = [row.get(name) for name in face_attributes.NAMES]
    return all(isinstance(x, int | float) and abs(x) < 1e6 for x in values)


def compare(
    network: object, pictures: np.ndarray, truth: Sequence[Mapping[str, float]]
) -> list[dict[str, Any]]:
    """Reads the attributes of reconstructions.

    Args:
      network: what `attributes.predict` takes.
      pictures: `[N, R, R, 3]` in [-1, 1].
      truth: the true attributes, by name.

    Returns:
      Per picture: "attribute_error", see `attributes.errors`; "binary_right", whether
      all binary attributes are read as they are; "binary_wrong", which are not, as
      text; "worst", the three attributes that are read worst.
    """
    people = jnp.asarray(
        [[one[name] for name in face_attributes.NAMES] for one in truth], jnp.float32
    )
    predicted = jax.jit(attributes.predict)(network, jnp.asarray(pictures))
    errors = np.asarray(attributes.errors(predicted, people))
    apart = attributes.differences(predicted, people) / attributes.deviations()[None]
    apart = np.asarray(apart * face_attributes.visible(people))
    differs = np.asarray((predicted > 0.5) != (people > 0.5))
    wrong = differs & face_attributes.IS_BINARY[None]
    return [
        {
            "attribute_error": round(float(error), 4),
            "binary_right": not missed.any(),
            "binary_wrong": " ".join(np.asarray(face_attributes.NAMES)[missed]),
            "worst": " ".join(face_attributes.NAMES[k] for k in np.argsort(-far)[:3]),
        }
        for error, missed, far in zip(errors, wrong, apart, strict=True)
    ]


def judge(
    network: Any,
    rows: Sequence[dict[str, Any]],
    output: pathlib.Path,
    truth: Mapping[str, Mapping[str, float]],
    test_error: float,
) -> list[dict[str, Any]]:
    """Adds the likeness to the rows of pictures that show known people.

    Args:
      network: what `attributes.predict` takes.
      rows: of the summary of an inversion; those known are changed.
      output: its directory, with the reconstructions.
      truth: attributes by file name.
      test_error: mean error of the network on renderings.

    Returns:
      The rows known, with what `compare` says, "test_error", "differs", the visible
      attributes that changed as text, and "same_person", whether none did and the
      verdict on the picture is not "poor".
    """
    known = [
        row
        for row in rows
        if pathlib.Path(row["file"]).name in truth and row["status"] == "ok"
    ]
    if not known:
        return []
    pictures = np.stack([images.read(output / f"{row['name']}.png") for row in known])
    people = [truth[pathlib.Path(row["file"]).name] for row in known]
    side = pictures.shape[1]
    targets = [images.fit(images.decode(row["file"]), side) for row in known]
    changed = changes(network, np.stack(targets), pictures, people)
    compared = compare(network, pictures, people)
    for row, found, names in zip(known, compared, changed, strict=True):
        is_near = found["attribute_error"] <= TOLERANCE * test_error
        names = list(dict.fromkeys([*found["binary_wrong"].split(), *names]))
        row.update(found, test_error=round(test_error, 4), differs=" ".join(names))
        is_poor = row.get("verdict") == "poor"
        row["same_person"] = bool(is_near and not names and not is_poor)
    return known


def changes(
    network: object,
    targets: np.ndarray,
    pictures: np.ndarray,
    truth: Sequence[Mapping[str, float]],
) -> list[list[str]]:
    """Names the attributes in which reconstructions differ from their pictures.

    Both are read by the same network, whose own errors so do not count.

    Args:
      network: what `attributes.predict` takes.
      targets: `[N, R, R, 3]` in [-1, 1].
      pictures: the same, the reconstructions.
      truth: the true attributes, by name; tell which of them show.

    Returns:
      Per picture the names, those that differ most first.
    """
    people = jnp.asarray(
        [[one[name] for name in face_attributes.NAMES] for one in truth], jnp.float32
    )
    predict = jax.jit(attributes.predict)
    before, after = (predict(network, jnp.asarray(x)) for x in (targets, pictures))
    apart = attributes.differences(before, after) / attributes.deviations()[None]
    apart = np.asarray(apart * face_attributes.visible(people))
    return [
        [face_attributes.NAMES[k] for k in np.argsort(-far) if far[k] > MAY_DIFFER]
        for far in apart
    ]


def sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """Says how many reconstructions show the same person.

    Args:
      rows: of `judge`, one or more.
    """
    errors = [row["attribute_error"] for row in rows]
    test_error = rows[0]["test_error"]
    others = [
        f"{row['name']} differs in {', '.join(row['differs'].split()[:4])}"
        for row in rows
        if row["differs"]
    ]
    told = "".join(f"\n  {line}" for line in others)
    return (
        f"{sum(row['same_person'] for row in rows)} of {len(rows)} renderings show the"
        f" same person, as the demo's network reads them: binary attributes right in"
        f" {sum(row['binary_right'] for row in rows)}, attribute error"
        f" {np.mean(errors):.3f} (at most {max(errors):.3f}; on renderings"
        f" {test_error:.3f}){told}"
    )
