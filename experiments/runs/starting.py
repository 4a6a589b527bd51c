"""Where the inversions of a run begin: what --start names."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.launch import command_line
from experiments.networks import resources
from experiments.runs import projector_engine
from experiments.stores import code_loading
from jax_encoder.errors import InputError
from jax_encoder.inversion import predictions, starts
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.io import bundles
from jax_encoder.io import names as naming

_MAX_SEEDS = 1_000_000
_CODE_FILES = (".npz", ".npy", ".pt")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StartingTask:
    """What a start may depend on.

    Attributes:
      models: the frozen networks.
      config: of the inversion: the searched space, and the terms that choose a seed.
      seed: of random codes.
      label: `[1, c_dim]`; conditional generators only.
      pool_key: tells generator, networks and class apart from others.
    """

    models: Models
    config: ProjectorConfig
    seed: int = 0
    label: jax.Array | None = None
    pool_key: str = ""


def make(name: str, task: StartingTask) -> projector_engine.Start:
    """Understands what --start says.

    Args:
      name: "mean", "zeros", "random", "encoder" (of --encoder, or the demo's),
        "seeds", "seeds:NUMBER", a file or directory of codes, or a bundle or checkpoint
        of an encoder or regressor.
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
    if name in ("mean", "zeros", "random", "encoder"):
        return lambda names: name
    if kind == "seeds" and (not rest or rest.isdecimal()):
        num_seeds = int(rest or 256)
        if not 1 <= num_seeds <= _MAX_SEEDS:
            raise InputError(
                f"--start={name}: the best of 1 to {_MAX_SEEDS} seeds can be taken."
            )
        return _Seeds(task, num_seeds)
    if not path.exists():
        raise InputError(
            f"--start={path}: neither mean, zeros, random, encoder, seeds,"
            " seeds:NUMBER nor a file or directory."
        )
    if path.is_dir() and not bundles.is_bundle(path):
        return StartingCodes.from_directory(path, task)
    if path.suffix in (".npz", ".npy"):
        return StartingCodes.from_file(path, task)
    return _predicting(path, task)


@dataclasses.dataclass(frozen=True)
class _Seeds:
    """A pool of random codes, of which every picture gets the best."""

    task: StartingTask
    num_seeds: int

    def __call__(self, names: Sequence[str]) -> starts.SeedPool:
        return self._pool

    @functools.cached_property
    def _pool(self) -> starts.SeedPool:
        task = self.task
        return resources.seed_pool(
            task.models,
            task.config,
            task.pool_key,
            self.num_seeds,
            task.seed,
            task.label,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class StartingCodes:
    """Codes that were found before: each picture's own, or one for all.

    Attributes:
      path: the file or directory.
      own: files by the name of the picture; None where one code serves all pictures.
      task: what the codes are for.
    """

    path: pathlib.Path
    own: Mapping[str, pathlib.Path] | None
    task: StartingTask

    @classmethod
    def from_directory(cls, path: pathlib.Path, task: StartingTask) -> "StartingCodes":
        """Finds `<name>.npz`, `.npy` or `.pt` of every picture, in this preference."""
        found = {
            name: file
            for suffix in reversed(_CODE_FILES)
            for file, name in naming.unique(
                sorted(path.rglob(f"[!.]*{suffix}")), path
            ).items()
        }
        if not found:
            raise InputError(
                f"--start={path}: neither a bundle nor a directory of codes."
            )
        return cls(path=path, own=found, task=task)

    @classmethod
    def from_file(cls, path: pathlib.Path, task: StartingTask) -> "StartingCodes":
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
            except InputError as error:
                reasons[name] = str(error)
        return reasons

    def __call__(self, names: Sequence[str]) -> jax.Array:
        """The values of these pictures; one where all share a code."""
        if self.own is None:
            return self.read(self.path)
        return jnp.concatenate([self.read(self._file(name)) for name in names])

    def _file(self, name: str) -> pathlib.Path:
        assert self.own is not None
        if name not in self.own:
            raise InputError(
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
        found = code_loading.load(path, num_ws=num_ws)
        if len(found.values) != 1:
            raise InputError(
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
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def _predicting(path: pathlib.Path, task: StartingTask) -> projector_engine.Start:
    """Reads an encoder or regressor; a `.pt` may turn out to hold a code instead."""
    try:
        network = resources.load(os.fspath(path)).network
    except command_line.Failure as failure:
        try:
            return StartingCodes.from_file(path, task)
        except InputError:
            raise failure from None
    try:
        predictions.check(task.models, network)
    except InputError as error:
        text = str(error).replace('in `networks` as "identity"', "with --identity")
        raise InputError(f"--start={path}: {text}") from error
    return lambda names: network
