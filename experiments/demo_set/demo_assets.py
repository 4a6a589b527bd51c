"""Parts of the demo set that are no training: bundles, examples, seeds and sheets."""

import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.networks import pool_files, resources
from experiments.training import training_log
from jax_encoder import io
from jax_encoder.avatars import attribute_network as attributes
from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.inversion import presets, starts
from jax_encoder.inversion.state import Models
from jax_encoder.io import bundles, files, images, loading
from jax_encoder.latents import sampling, statistics, styles
from jax_encoder.nn import base
from jax_encoder.training import generator_evaluation

# Held out: no training draws from these keys.
_OWN_SEED, _RENDERED_SEED, _TEST_SEED = 2026, 31337, 271828
_NUM_EXAMPLES, _NUM_TESTED = 2, 512
_NUM_SHOWN, _NUM_COLUMNS = 64, 8
# Of the embedded seed pool: features of whole pictures would take 70 MB and more.
POOL_SIZE, POOL_SIDE = 256, 16


def shrink(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a bundle with its arrays in half precision."""
    provenance = bundles.describe(source)["provenance"]
    io.save(io.load(source), target, provenance=provenance, dtype="float16")


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a directory, whole or not at all."""
    _make_whole(target, lambda scratch: shutil.copytree(source, scratch))


def _make_whole(target: pathlib.Path, make: Callable[[pathlib.Path], object]) -> None:
    """Lets `make` fill a directory that appears under its name when it is finished."""
    files.make_directory(target.parent)
    scratch = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(scratch, ignore_errors=True)
    make(scratch)
    scratch.rename(target)


def write_examples(assets: pathlib.Path) -> None:
    """Writes pictures to invert: the generator's own, and held-out renderings.

    Args:
      assets: the demo set. Into its directory `examples` go `generated_N.png` with the
        true ws in `generated_N.npz`, `rendered_N.png` with the true attributes in
        `rendered_N.npz`, and `attributes.json`: the latter by name, and "test_error",
        the error of `avatar_vgg` on held-out renderings (`attributes.errors`).
    """
    _make_whole(assets / "examples", lambda scratch: _fill_examples(assets, scratch))


def _fill_examples(assets: pathlib.Path, directory: pathlib.Path) -> None:
    generator = io.load(assets / "avatars")
    config = generator.config
    directory.mkdir()
    z = jax.random.normal(jax.random.key(_OWN_SEED), (_NUM_EXAMPLES, config.z_dim))
    ws = sampling.map_to_ws(generator, z)
    own = np.clip(np.asarray(generator.synthesis(ws)), -1.0, 1.0)
    people = face_attributes.sample(jax.random.key(_RENDERED_SEED), _NUM_EXAMPLES)
    rendered = np.asarray(face_rendering.render(people, config.resolution))
    for index in range(_NUM_EXAMPLES):
        name = directory / f"generated_{index + 1}"
        images.write(name.with_suffix(".png"), own[index])
        np.savez(name.with_suffix(".npz"), ws=ws[index], z=z[index])
        name = directory / f"rendered_{index + 1}"
        images.write(name.with_suffix(".png"), rendered[index])
        np.savez(
            name.with_suffix(".npz"),
            attributes=np.asarray(people[index]),
            names=np.asarray(face_attributes.NAMES),
        )
    write_truth(assets, directory)


def write_truth(assets: pathlib.Path, directory: pathlib.Path) -> None:
    """Writes `attributes.json` from what lies beside the rendered examples.

    Args:
      assets: the demo set.
      directory: of the examples.
    """
    side = io.load(assets / "avatars").config.resolution
    truth: dict[str, Any] = {
        "test_error": reading_error(io.load(assets / "avatar_vgg"), side)
    }
    for path in sorted(directory.glob("rendered_*.npz")):
        arrays = loading.read_arrays(path)
        found = face_attributes.by_name(arrays["attributes"])
        truth[path.with_suffix(".png").name] = found
    files.write_json(directory / face_attributes.TRUTH, truth)


def reading_error(network: object, resolution: int) -> float:
    """Returns the mean error of a network that reads attributes, on new renderings.

    Args:
      network: what `attributes.predict` takes.
      resolution: of the renderings.

    Returns:
      The mean over pictures of `attributes.errors`.
    """
    people = face_attributes.sample(jax.random.key(_TEST_SEED), _NUM_TESTED)
    pictures = face_rendering.render(people, resolution)
    predicted = jax.jit(attributes.predict)(network, pictures)
    return float(jnp.mean(attributes.errors(predicted, people)))


def known_reading_error(assets: pathlib.Path) -> float:
    """Returns `reading_error` of a demo set, as it was measured when it was built.

    Args:
      assets: the demo set.
    """
    path = assets / "examples" / face_attributes.TRUTH
    return float(loading.read_json(path)["test_error"])


def pool_parts(assets: pathlib.Path) -> tuple[Models, Any, str]:
    """Returns the models, configuration and key that the seed pool depends on.

    Args:
      assets: the demo set.
    """
    source = resources.generator(str(assets / "avatars"))
    found = statistics.load(assets / "avatars" / "statistics.npz")
    lpips = io.load(assets / "avatar_lpips")
    models = Models(
        generator=source.network, networks={"lpips": lpips}, statistics=found
    )
    return models, presets.get("default").config, resources.pool_key(source)


def pool_path(assets: pathlib.Path) -> pathlib.Path:
    """Returns where the seed pool of a demo set belongs; its name says of what."""
    models, config, key = pool_parts(assets)
    name = resources.pool_name(models, config, key, POOL_SIZE, 0)
    return assets / "avatars" / name


def write_pool(assets: pathlib.Path) -> None:
    """Writes the seed pool of the default preset, for `--start=seeds`.

    Its pictures are averaged to 16 pixels before their features are taken: those of
    whole pictures would be larger than everything else in the package.

    Args:
      assets: the demo set; a pool of other networks is removed from it.
    """
    models, config, _ = pool_parts(assets)
    pool = starts.make_pool(models, config, num_seeds=POOL_SIZE, seed=0, side=POOL_SIDE)
    path = pool_path(assets)
    for old in path.parent.glob("pool_*.npz"):
        old.unlink()
    pool_files.save(pool, path, is_compressed=True)
    bundles.note(path.parent, path.name)


def write_sheets(generator_path: pathlib.Path, directory: pathlib.Path) -> None:
    """Writes `samples.png` and `interpolations.png`, 64 pictures each, to look at.

    Args:
      generator_path: bundle of the generator.
      directory: where to write.
    """
    generator = io.load(generator_path)
    drawn = generator_evaluation.samples(generator, jax.random.key(7), num=_NUM_SHOWN)
    sheets = {
        "samples": np.concatenate(list(drawn)),
        "interpolations": interpolations(generator, jax.random.key(8)),
    }
    for name, pictures in sheets.items():
        grid = training_log.tile(pictures, _NUM_COLUMNS)
        images.write(directory / f"{name}.png", np.clip(grid, -1.0, 1.0))


def interpolations(
    generator: base.Generator, key: jax.Array, num_rows: int = 8
) -> np.ndarray:
    """Returns `[num_rows * 8, R, R, 3]`: rows of straight lines in W."""
    w = generator.mapping(
        jax.random.normal(key, (2 * num_rows, generator.config.z_dim))
    )
    share = jnp.linspace(0.0, 1.0, _NUM_COLUMNS)[None, :, None]
    line = w[:num_rows, None] * (1.0 - share) + w[num_rows:, None] * share
    ws = styles.broadcast(line.reshape(-1, w.shape[1]), generator.config.num_ws)
    return np.asarray(jax.jit(lambda g, ws: g.synthesis(ws))(generator, ws))
