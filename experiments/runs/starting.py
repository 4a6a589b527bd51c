"""Where the inversions of a run begin: what --start names."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from converters.formats import latent_codes as foreign_codes
from experiments.launch import command_line
from experiments.networks import resources
from jax_encoder.inversion import starts
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.io import bundles
from jax_encoder.nn import regressors

_CODE_FILES = (".npz", ".npy", ".pt")


class Start(Protocol):
    """Finds the first values of a batch."""

    def __call__(self, targets: jax.Array, names: Sequence[str]) -> jax.Array:
        """From targets `[N, R, R, 3]` and their names to values `[N, ...]`."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What a start may depend on.

    Attributes:
      models: the frozen networks.
      config: of the inversion: the searched space, and the terms that choose a seed.
      seed: of random codes.
      label: `[1, c_dim]`; conditional generators only.
      pool_key: tells generator, networks and class apart from others.
      identity: the network that regressors of face descriptors need, a path.
    """

    models: Models
    config: ProjectorConfig
    seed: int = 0
    label: jax.Array | None = None
    pool_key: str = ""
    identity: str | None = None

    def labels(self, num: int) -> jax.Array | None:
        """The label of every picture of a batch."""
        if self.label is None:
            return None
        return jnp.broadcast_to(self.label, (num, self.label.shape[1]))


def make(name: str, task: Task) -> Start:
    """Understands what --start says.

    Args:
      name: "mean", "zeros", "random", "seeds", "seeds:NUMBER", a file or directory of
        codes, or a bundle or checkpoint of an encoder or regressor.
      task: what the start may depend on.

    Returns:
      The start.

    Raises:
      ValueError: there is no such file, or what it holds is no start for this
        generator.
      Failure: a network cannot be read.
    """
    kind, _, rest = name.partition(":")
    path = pathlib.Path(name)
    if kind in ("mean", "zeros", "random") and not rest:
        return _Fixed(kind, task)
    if kind == "seeds" and (not rest or rest.isdecimal()):
        return _Seeds(task, int(rest or 256))
    if not path.exists():
        raise ValueError(
            f"--start={path}: neither mean, zeros, random, seeds, seeds:NUMBER nor"
            " a file or directory."
        )
    if path.is_dir() and not bundles.is_bundle(path):
        return Codes.from_directory(path, task)
    if path.suffix in (".npz", ".npy"):
        return Codes.from_file(path, task)
    return _Prediction.load(path, task)


@dataclasses.dataclass(frozen=True)
class _Fixed:
    """The same code for all pictures."""

    kind: str
    task: Task

    def __call__(self, targets: jax.Array, names: Sequence[str]) -> jax.Array:
        models, space, num = self.task.models, self.task.config.space, len(targets)
        if self.kind != "random":
            return getattr(starts, self.kind)(models, space, num)
        key = jax.random.key(self.task.seed)
        return starts.random(models, space, num, key, self.task.labels(num))


@dataclasses.dataclass(frozen=True)
class _Seeds:
    """The best of a pool of random codes, picture by picture."""

    task: Task
    num_seeds: int

    def __call__(self, targets: jax.Array, names: Sequence[str]) -> jax.Array:
        task = self.task
        pool = resources.seed_pool(
            task.models,
            task.config,
            task.pool_key,
            self.num_seeds,
            task.seed,
            task.label,
        )
        z, _ = starts.nearest(task.models, pool, targets, task.config)
        labels = task.labels(len(targets))
        return starts.from_z(task.models, task.config.space, z, labels)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Codes:
    """Codes that were found before: each picture's own, or one for all.

    Attributes:
      path: the file or directory.
      own: files by the name of the picture; None where one code serves all pictures.
      task: what the codes are for.
    """

    path: pathlib.Path
    own: Mapping[str, pathlib.Path] | None
    task: Task

    @classmethod
    def from_directory(cls, path: pathlib.Path, task: Task) -> "Codes":
        """Finds `<name>.npz`, `.npy` or `.pt` of every picture, in this preference."""
        found = {
            file.stem: file
            for suffix in reversed(_CODE_FILES)
            for file in sorted(path.glob(f"*{suffix}"))
        }
        if not found:
            raise ValueError(
                f"--start={path}: neither a bundle nor a directory of codes."
            )
        return cls(path=path, own=found, task=task)

    @classmethod
    def from_file(cls, path: pathlib.Path, task: Task) -> "Codes":
        """Reads the code at once, to refuse what does not fit."""
        codes = cls(path=path, own=None, task=task)
        codes.read(path)
        return codes

    def refused(self, names: Sequence[str]) -> dict[str, str]:
        """Says which pictures have no code that fits the generator, and why.

        Args:
          names: of the pictures.

        Returns:
          A reason for every such picture.
        """
        reasons = {}
        for name in names if self.own is not None else ():
            try:
                self.read(self._file(name))
            except ValueError as error:
                reasons[name] = str(error)
        return reasons

    def __call__(self, targets: jax.Array, names: Sequence[str]) -> jax.Array:
        """The values of these pictures."""
        if self.own is None:
            values = self.read(self.path)
            return jnp.broadcast_to(values, (len(targets), *values.shape[1:]))
        return jnp.concatenate([self.read(self._file(name)) for name in names])

    def _file(self, name: str) -> pathlib.Path:
        assert self.own is not None
        if name not in self.own:
            raise ValueError(
                f"{self.path} has no code {name}.npz or {name}.npy to start from; write"
                " one, or start from a single file"
            )
        return self.own[name]

    def read(self, path: pathlib.Path) -> jax.Array:
        """Reads one code as values `[1, ...]` of the searched space.

        Raises:
          ValueError: no code, several, or none of this generator.
        """
        models, space = self.task.models, self.task.config.space
        num_ws = models.generator.config.num_ws
        found = foreign_codes.load(path, num_ws=num_ws)
        if len(found.values) != 1:
            raise ValueError(
                f"{path} holds {len(found.values)} codes; give one, or a directory with"
                " a file for each picture."
            )
        values = np.asarray(found.values)
        try:
            if found.space == "z":
                z = jnp.asarray(values)
                return starts.from_z(models, space, z, self.task.label)
            ws = values if values.ndim == 3 else values[:, None].repeat(num_ws, 1)
            return starts.from_ws(models, space, jnp.asarray(ws))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: {error}") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Prediction:
    """What an encoder or a regressor says of the pictures."""

    network: Any
    identity: Any
    task: Task

    @classmethod
    def load(cls, path: pathlib.Path, task: Task) -> "_Prediction | Codes":
        """Reads the network; a `.pt` may turn out to hold a code instead."""
        try:
            network = resources.load(os.fspath(path)).network
        except command_line.Failure as failure:
            try:
                return Codes.from_file(path, task)
            except ValueError:
                raise failure from None
        _check(path, network, task)
        identity = None
        if isinstance(network, regressors.DescriptorToLatent):
            identity = resources.load(str(task.identity)).network
        return cls(network=network, identity=identity, task=task)

    def __call__(self, targets: jax.Array, names: Sequence[str]) -> jax.Array:
        models, space = self.task.models, self.task.config.space
        predicted = _predict(self.network, self.identity, targets)
        if predicted.ndim == 2:
            labels = self.task.labels(len(targets))
            return starts.from_z(models, space, predicted, labels)
        return starts.from_ws(models, space, predicted)


@jax.jit
def _predict(network, identity, targets):
    return network(targets if identity is None else identity.embed(targets))


def _check(path, network, task: Task) -> None:
    """Refuses a network that predicts no codes, or another generator's."""
    generator = task.models.generator.config
    kind = type(network).__name__
    inner = getattr(network, "encoder", network)
    num_ws = getattr(inner.config, "num_ws", None)
    w_dim = getattr(inner.config, "w_dim", None)
    if num_ws is None or w_dim is None or hasattr(inner, "synthesis"):
        raise ValueError(
            f"--start={path}: a {kind}, which predicts no codes; give an encoder or a"
            " regressor from pictures to W+."
        )
    if getattr(inner.config, "in_channels", 3) != 3 and inner is network:
        raise ValueError(
            f"--start={path}: this encoder refines reconstructions of its own"
            " generator; give the whole checkpoint (ReStyle), with its decoder."
        )
    if isinstance(network, regressors.DescriptorToLatent) and not task.identity:
        raise ValueError(
            f"--start={path}: predicts from face descriptors; name the network that"
            " makes them with --identity."
        )
    wanted = (generator.num_ws, generator.w_dim) if num_ws else (generator.z_dim,)
    got = (num_ws, w_dim) if num_ws else (w_dim,)
    if got != wanted:
        raise ValueError(
            f"--start={path}: predicts codes of {list(got)}, but this generator's are"
            f" {list(wanted)}; give an encoder that was trained for this generator."
        )
