"""The state of a batch in work, on disk: whoever takes the batch goes on from there."""

import dataclasses
import json
import pathlib

import jax
import numpy as np

from experiments.runs import saved_files
from jax_encoder.errors import InputError
from jax_encoder.io import files
from jax_encoder.nn import base


class MisfitError(InputError):
    """A saved state is that of another program."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchState:
    """A batch in work, after a whole chunk.

    Attributes:
      names: of its pictures, without padding.
      digests: SHA-256 of each picture's file.
      leaves: of the engine's state, in the order of `jax.tree.leaves`.
      losses: `[steps, batch]` so far.
      seconds: spent so far.
    """

    names: tuple[str, ...]
    digests: tuple[str, ...]
    leaves: tuple[np.ndarray, ...]
    losses: np.ndarray
    seconds: float

    def restore(self, template: base.Tree) -> base.Tree:
        """Puts the leaves into the structure of the engine's state.

        Args:
          template: a state of the same engine and batch size.

        Returns:
          The state.

        Raises:
          MisfitError: number, shapes or types of the leaves differ.
        """
        wanted, structure = jax.tree.flatten(template)
        kinds = [(np.shape(x), np.dtype(x.dtype)) for x in wanted]
        if kinds != [(x.shape, x.dtype) for x in self.leaves]:
            raise MisfitError("The saved state does not fit this program")
        return jax.tree.unflatten(structure, self.leaves)

    def save(self, path: pathlib.Path) -> None:
        """Writes the state; replaces what was saved before.

        Args:
          path: the file.

        Raises:
          WriteError: the disk is full; what was saved before is still there.
        """
        arrays = {f"leaf_{i:03d}": x for i, x in enumerate(self.leaves)}
        about = {
            "names": self.names,
            "digests": self.digests,
            "seconds": self.seconds,
            "num_leaves": len(self.leaves),
        }
        with files.writing(path) as file:
            np.savez(
                file,
                allow_pickle=False,
                losses=self.losses,
                about=np.array(json.dumps(about)),
                **arrays,
            )


def read(path: pathlib.Path) -> BatchState:
    """Reads what `BatchState.save` wrote.

    Args:
      path: the file.

    Raises:
      LoadError: damaged, or another file.
    """
    return BatchState(**saved_files.read_batch(path))
