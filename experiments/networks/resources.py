"""Generators, perceptual networks and statistics, wherever they come from.

A network is named by a bundle's directory, by a checkpoint file, which is converted on
the fly, or by its name in the zoo. Nothing named: the demo set of the package.
"""

import dataclasses
import functools
import hashlib
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import converters
from converters.zoo import catalog as zoo
from experiments.launch import command_line
from experiments.networks import conversion
from jax_encoder import demo
from jax_encoder.inversion import colors as colors
from jax_encoder.inversion import starts
from jax_encoder.inversion.colors import Colors
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.io import bundles, files
from jax_encoder.latents import statistics

ASSETS = demo.DIRECTORY
DEMO_GENERATOR = ASSETS / "avatars"
DEMO_NETWORKS = {
    "lpips": ASSETS / "avatar_lpips",
    "vgg": ASSETS / "avatar_vgg",
    "identity": ASSETS / "avatar_vgg",
}
_NUM_SAMPLES, _NUM_P_SAMPLES = 10_000, 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A network and where it came from.

    Attributes:
      network: the module.
      path: the bundle or checkpoint.
      sha256: of the checkpoint file, or what its bundle says of it; without that, of
        the weights themselves.
    """

    network: Any
    path: pathlib.Path
    sha256: str


def load(path: str | os.PathLike) -> Source:
    """Reads a network.

    Args:
      path: a bundle's directory, a checkpoint file, or a name of the zoo, which is
        downloaded once.

    Returns:
      The network and where it came from.

    Raises:
      Failure: it cannot be read; says why.
    """
    try:
        path, entry = zoo.locate(path, announce=conversion.announce)
        if not path.is_dir():
            network = converters.load(path, kind=entry.kind if entry else None)
            return Source(network=network, path=path, sha256=files.sha256(path))
        network = bundles.load(path)
        provenance = bundles.describe(path).get("provenance") or {}
    except ValueError as error:
        raise command_line.Failure(str(error)) from error
    digest = provenance.get("sha256") or provenance.get("source_sha256")
    return Source(network=network, path=path, sha256=digest or hash_weights(network))


def hash_weights(network: nnx.Module) -> str:
    """SHA-256 of a network's arrays, whatever file they are in.

    Args:
      network: any module.

    Returns:
      64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    leaves = jax.tree_util.tree_leaves_with_path(nnx.to_pure_dict(nnx.state(network)))
    for path, leaf in sorted(leaves, key=lambda pair: str(pair[0])):
        array = np.asarray(leaf)
        digest.update(f"{path} {array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def generator(path: str | None) -> Source:
    """Reads a generator.

    Args:
      path: as of `load`; None for the demo's.

    Returns:
      The generator and where it came from.

    Raises:
      Failure: it cannot be read, or is no generator.
    """
    source = load(path or DEMO_GENERATOR)
    network = getattr(source.network, "decoder", source.network)
    if not hasattr(network, "synthesis"):
        kind = type(network).__name__
        raise command_line.Failure(f"{source.path}: a {kind}, not a generator.")
    return dataclasses.replace(source, network=network)


def networks(
    names: Sequence[str], paths: Mapping[str, str | None], *, is_demo: bool
) -> dict[str, Any]:
    """Reads perceptual networks.

    Args:
      names: which ones: "lpips", "vgg", "identity"...
      paths: by name, as of `load`; None or missing for the demo's.
      is_demo: whether the generator is the demo's; if not, the demo's networks are a
        makeshift, and the person is told.

    Returns:
      The networks by name.

    Raises:
      Failure: one cannot be read, or there is none of this name.
    """
    found = {}
    for name in dict.fromkeys(names):
        path = paths.get(name) or DEMO_NETWORKS.get(name)
        if path is None:
            raise command_line.Failure(
                f"This preset needs the network {name!r}; name it with --{name}."
            )
        if not is_demo and not paths.get(name):
            print(
                f"No --{name} given: using the demo set's network, which knows drawn"
                f" faces only. For photographs give a converted one.",
                file=sys.stderr,
            )
        found[name] = _load_once(os.fspath(path))
    return found


@functools.cache
def _load_once(path: str) -> Any:
    return load(path).network


def cache_directory() -> pathlib.Path:
    """Where computed statistics and seed pools are kept; made if missing."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return files.make_directory(pathlib.Path(root) / "jax_encoder" / "statistics")


def _cached(name: str) -> pathlib.Path | None:
    """A file of the cache; None where nothing can be written."""
    try:
        return cache_directory() / name
    except files.WriteError:
        return None


def latent_statistics(
    source: Source,
    path: str | None = None,
    *,
    with_p: bool = False,
    label: jax.Array | None = None,
) -> statistics.LatentStatistics:
    """Finds or computes the statistics of a generator's latents.

    Args:
      source: the generator.
      path: a file of `latents.statistics.save` or an II2S `<ckpt>_PCA.npz`; None for
        `statistics.npz` in the generator's bundle, the cache, or else an estimate,
        which is then cached.
      with_p: the principal components of P are needed too.
      label: `[1, c_dim]`, the class to measure; conditional generators only.

    Returns:
      The statistics.

    Raises:
      Failure: the file cannot be read or lacks the principal components.
    """
    if path is not None:
        found = _read_statistics(pathlib.Path(path))
        if with_p and found.p is None:
            raise command_line.Failure(f"{path}: lacks the components of P.")
        return found
    cached = _cached(f"{source.sha256[:32]}{_class(label)}{'_p' * with_p}.npz")
    for place in (source.path / "statistics.npz", cached):
        if place is not None and place.is_file():
            found = _read_statistics(place)
            if found.p is not None or not with_p:
                return found
    num = _NUM_P_SAMPLES if with_p else _NUM_SAMPLES
    _check_label(source, label)
    found = statistics.estimate(
        source.network, num_samples=num, with_p=with_p, labels=label
    )
    if cached is not None:
        statistics.save(found, cached)
    return found


def _class(label: jax.Array | None) -> str:
    """The part of a cached file's name that tells the class."""
    return "" if label is None else f"_class{int(np.argmax(label))}"


def _check_label(source: Source, label: jax.Array | None) -> None:
    num_classes = getattr(source.network.config, "c_dim", 0)
    if num_classes and label is None:
        raise command_line.Failure(
            f"{source.path}: has {num_classes} classes and brings no statistics; say"
            " with --class_index which class to measure."
        )


def generator_colors(source: Source, label: jax.Array | None = None) -> Colors:
    """Finds or computes the typical colors of a generator's own pictures.

    Args:
      source: the generator.
      label: `[1, c_dim]`; conditional generators only.

    Returns:
      The colors; kept in the cache.

    Raises:
      Failure: the generator is conditional and no class is given.
    """
    path = _cached(f"colors_{source.sha256[:32]}{_class(label)}.npz")
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as file:
            return Colors(mean=jnp.asarray(file["mean"]), std=jnp.asarray(file["std"]))
    _check_label(source, label)
    found = colors.of_generator(source.network, labels=label)
    if path is not None:
        with files.writing(path) as file:
            np.savez(file, mean=np.asarray(found.mean), std=np.asarray(found.std))
    return found


def _read_statistics(path: pathlib.Path) -> statistics.LatentStatistics:
    try:
        return statistics.load(path)
    except (OSError, ValueError) as error:
        raise command_line.Failure(f"{path}: {error}") from error


def pool_key(
    source: Source,
    paths: Mapping[str, str | None] | None = None,
    class_index: int | None = None,
) -> str:
    """Tells what a seed pool belongs to.

    Args:
      source: the generator.
      paths: of perceptual networks that were named, by name.
      class_index: of a conditional generator.
    """
    named = sorted(f"{k}={v}" for k, v in (paths or {}).items() if v)
    return f"{source.sha256} {named} {class_index}"


def pool_name(
    models: Models, config: ProjectorConfig, key: str, num_seeds: int, seed: int
) -> str:
    """The name of a seed pool's file: other networks, terms or seeds, other name.

    Args:
      models: the frozen networks.
      config: its terms measure.
      key: of `pool_key`.
      num_seeds: codes in the pool.
      seed: of the codes.
    """
    names = {name for term in config.image_terms for name in term.network_names}
    networks = [hash_weights(models.networks[name]) for name in sorted(names)]
    about = f"{key} {networks} {config.image_terms} {num_seeds} {seed}"
    return f"pool_{hashlib.sha256(about.encode()).hexdigest()[:32]}.npz"


def seed_pool(
    models: Models,
    config: ProjectorConfig,
    key: str,
    num_seeds: int,
    seed: int,
    label: jax.Array | None = None,
    *,
    bundle: pathlib.Path = DEMO_GENERATOR,
) -> starts.Pool:
    """Finds a pool of seeds in a bundle or the cache, or computes and caches it.

    Args:
      models: the frozen networks.
      config: its terms measure.
      key: tells generator and networks apart from others.
      num_seeds: codes in the pool.
      seed: of the codes.
      label: `[1, c_dim]`; conditional generators only, and told apart by `key`.
      bundle: may hold the pool of its generator, as the demo's does.

    Returns:
      The pool.
    """
    options = {"num_seeds": num_seeds, "seed": seed, "labels": label}
    name = pool_name(models, config, key, num_seeds, seed)
    if (bundle / name).is_file():
        return starts.load_pool(bundle / name, models, config)
    path = _cached(name)
    if path is not None and path.is_file():
        try:
            return starts.load_pool(path, models, config)
        except (ValueError, OSError, KeyError):
            path.unlink(missing_ok=True)
    pool = starts.make_pool(models, config, **options)
    if path is not None:
        starts.save_pool(pool, path)
    return pool
