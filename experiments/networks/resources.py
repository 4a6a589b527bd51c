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
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from experiments.launch import command_line
from experiments.networks import conversion, pool_files, roles
from jax_encoder import demo
from jax_encoder.errors import InputError
from jax_encoder.inversion import colors as colors
from jax_encoder.inversion import starts
from jax_encoder.inversion.colors import Colors
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.io import bundles, caches, digests, files, json_types, loading
from jax_encoder.latents import statistics
from jax_encoder.nn import base

ASSETS = demo.DIRECTORY
DEMO_GENERATOR = ASSETS / "avatars"
DEMO_NETWORKS = {
    "lpips": ASSETS / "avatar_lpips",
    "vgg": ASSETS / "avatar_vgg",
    "identity": ASSETS / "avatar_vgg",
    "encoder": ASSETS / "avatars_encoder",
}
_T = TypeVar("_T")
_NUM_SAMPLES, _NUM_P_SAMPLES = 10_000, 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A network and where it came from.

    Attributes:
      network: the module.
      path: the bundle or checkpoint.
      sha256: of the checkpoint file, or of the bundle's arrays; computed from what was
        read, since a bundle may say anything of itself.
      provenance: JSON values on where its weights come from: license...
    """

    network: base.Network
    path: pathlib.Path
    sha256: str
    provenance: Mapping[str, json_types.Json] = dataclasses.field(default_factory=dict)


def load(path: str | os.PathLike, role: str | None = None) -> Source:
    """Reads a network.

    Args:
      path: a bundle's directory, a checkpoint file, or a name of the zoo, which is
        downloaded once.
      role: a key of `roles.ROLES`: what the network must be able to do.

    Returns:
      The network and where it came from.

    Raises:
      Failure: it cannot be read, or cannot play the role; says why.
    """
    if not pathlib.Path(path).is_dir():
        converted = conversion.convert(os.fspath(path))
        if converted.assumed:
            assumed = conversion.assumptions(converted)
            print(f"{path}: assumed {assumed}", file=sys.stderr)
        network, digest = converted.network, converted.provenance["sha256"]
        path, provenance = converted.path, converted.provenance
    else:
        path = pathlib.Path(path)
        try:
            found = bundles.read(path, verify=command_line.is_verifying())
        except InputError as error:
            raise command_line.Failure(str(error)) from error
        network, digest = found.network, found.digest
        provenance = found.description.get("provenance") or {}
    if role == "generator":  # also the one inside an encoder's file
        network = getattr(network, "decoder", network)
    if role is not None:
        roles.check(network, role, str(path))
    return Source(network=network, path=path, sha256=digest, provenance=provenance)


def generator(path: str | None) -> Source:
    """Reads a generator.

    Args:
      path: as of `load`; None for the demo's.

    Returns:
      The generator and where it came from.

    Raises:
      Failure: it cannot be read, or is no generator.
    """
    return load(path or DEMO_GENERATOR, "generator")


def networks(
    names: Sequence[str], paths: Mapping[str, str | None], *, is_demo: bool
) -> dict[str, base.Network]:
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
        found[name] = _load_once(os.fspath(path), name)
    return found


@functools.cache
def _load_once(path: str, role: str) -> object:
    return load(path, role).network


def _from_bundle(
    root: pathlib.Path, name: str, read: Callable[[pathlib.Path], _T]
) -> _T | None:
    """What a file beside a bundle's arrays holds; an unfit one is said and left."""
    try:
        path = bundles.companion(root, name, verify=command_line.is_verifying())
        return None if path is None else read(path)
    except InputError as error:
        caches.say(f"{error}: computed anew instead.")
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
    w_dim = source.network.config.w_dim
    if path is not None:
        found = _read_statistics(pathlib.Path(path), w_dim)
        if with_p and found.p is None:
            raise command_line.Failure(f"{path}: lacks the components of P.")
        return found
    name = f"{source.sha256[:32]}{_class(label)}{'_p' * with_p}.npz"

    def read(place: pathlib.Path) -> statistics.LatentStatistics:
        return statistics.load(place, w_dim=w_dim)

    own = _from_bundle(source.path, "statistics.npz", read)
    if own is not None and (own.p is not None or not with_p):
        return own
    kept = caches.recall("statistics", name, read)
    if kept is not None and (kept.p is not None or not with_p):
        return kept
    num = _NUM_P_SAMPLES if with_p else _NUM_SAMPLES
    _check_label(source, label)
    found = statistics.estimate(
        source.network, num_samples=num, with_p=with_p, labels=label
    )
    caches.keep("statistics", name, lambda place: statistics.save(found, place))
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
    name = f"colors_{source.sha256[:32]}{_class(label)}.npz"
    kept = caches.recall("statistics", name, _read_colors)
    if kept is not None:
        return kept
    _check_label(source, label)
    found = colors.of_generator(source.network, labels=label)

    def write(place: pathlib.Path) -> None:
        with files.writing(place) as file:
            np.savez(file, mean=np.asarray(found.mean), std=np.asarray(found.std))

    caches.keep("statistics", name, write)
    return found


def _read_colors(path: pathlib.Path) -> Colors:
    arrays = loading.read_arrays(path)
    mean = loading.check(path, arrays, "mean", (1, None))
    std = loading.check(path, arrays, "std", mean.shape)
    return Colors(mean=jnp.asarray(mean), std=jnp.asarray(std))


def _read_statistics(path: pathlib.Path, w_dim: int) -> statistics.LatentStatistics:
    try:
        return statistics.load(path, w_dim=w_dim)
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
    networks = [digests.of_module(models.networks[name]) for name in sorted(names)]
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
) -> starts.SeedPool:
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

    def read(path: pathlib.Path) -> starts.SeedPool:
        return pool_files.load(path, models, config)

    kept = _from_bundle(bundle, name, read) or caches.recall("pools", name, read)
    if kept is not None:
        return kept
    pool = starts.make_pool(models, config, **options)
    caches.keep("pools", name, lambda path: pool_files.save(pool, path))
    return pool
