"""Checkpoints of a training: whole or not at all, resumed exactly.

A checkpoint is an Orbax tree of the state's leaves in a directory `step_N`, kept by
Orbax's `CheckpointManager`: it writes beside the directory and renames at the end, so
that a training that is killed leaves the last whole checkpoint to resume from.
"""

import os
import pathlib
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.typing import ArrayLike

from jax_encoder.errors import InputError
from jax_encoder.io import finite

State = TypeVar("State")


class CheckpointError(InputError):
    """A checkpoint does not fit the training that wants to resume from it."""


def steps(directory: str | os.PathLike[str]) -> list[int]:
    """Returns the steps of the whole checkpoints in a directory, oldest first."""
    root = pathlib.Path(directory).absolute()
    if not root.is_dir():
        return []
    with _manager(root, read_only=True) as manager:
        return sorted(manager.all_steps())


def save(
    directory: str | os.PathLike[str], step: int, state: object, *, num_kept: int = 2
) -> None:
    """Writes a checkpoint, then deletes all but the last `num_kept`.

    Args:
      directory: of all checkpoints of the training.
      step: names the checkpoint; one of the same step is replaced.
      state: any pytree of arrays and numbers.
      num_kept: how many checkpoints to keep.

    Raises:
      NotFiniteError: the state holds NaN or an infinity; nothing is written or deleted.
    """
    root = pathlib.Path(directory).absolute()
    finite.check(_named(state), root / f"step_{step}")
    root.mkdir(parents=True, exist_ok=True)
    with _manager(root, max_to_keep=num_kept) as manager:
        if step in manager.all_steps():
            manager.delete(step)
        manager.save(step, args=ocp.args.PyTreeSave(_named(state)), force=True)


def restore(
    directory: str | os.PathLike[str], like: State, *, step: int | None = None
) -> State:
    """Reads a checkpoint.

    Args:
      directory: what `save` was given.
      like: a state of the wanted structure, shapes, types and shardings.
      step: which one; by default the last.

    Returns:
      the state.

    Raises:
      CheckpointError: there is none, or it is of another training.
    """
    root = pathlib.Path(directory).absolute()
    found = steps(root)
    if not found or (step is not None and step not in found):
        raise CheckpointError(f"{root} has no checkpoint {step or ''}; has: {found}.")
    step = found[-1] if step is None else step
    wanted = _named(like)
    with _manager(root, read_only=True) as manager:
        stored = _read(manager, step)
    problems = [f"missing: {name}" for name in sorted(wanted.keys() - stored.keys())]
    problems += [f"unused: {name}" for name in sorted(stored.keys() - wanted.keys())]
    problems += [
        f"shape: {name} is {np.shape(stored[name])}, not {np.shape(wanted[name])}"
        for name in sorted(wanted.keys() & stored.keys())
        if np.shape(stored[name]) != np.shape(wanted[name])
    ]
    if problems:
        raise CheckpointError(
            f"{_path(root, step)} is of another training; name another directory:\n  "
            + "\n  ".join(problems[:20])
        )
    leaves = [_placed(stored[name], leaf) for name, leaf in wanted.items()]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def restore_part(
    directory: str | os.PathLike[str], part: str, like: State, *, step: int
) -> State:
    """Reads a part of a checkpoint, whatever else it holds.

    Args:
      directory: what `save` was given.
      part: a field of the state that was saved, such as "average".
      like: that field, of the wanted structure and shapes.
      step: which checkpoint.

    Raises:
      CheckpointError: there is no such checkpoint, or its part is of another shape.
    """
    root = pathlib.Path(directory).absolute()
    if step not in steps(root):
        raise CheckpointError(f"{root} has no checkpoint {step}; has: {steps(root)}.")
    with _manager(root, read_only=True) as manager:
        stored = _read(manager, step)
    wanted = {f"{part}.{name}".rstrip("."): x for name, x in _named(like).items()}
    for name, leaf in wanted.items():
        if name not in stored or np.shape(stored[name]) != np.shape(leaf):
            raise CheckpointError(
                f"{_path(root, step)} has no {name} of the shape {np.shape(leaf)}: it"
                " is of another network."
            )
    leaves = [_placed(stored[name], leaf) for name, leaf in wanted.items()]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _manager(root: pathlib.Path, **options: Any) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
        root,
        options=ocp.CheckpointManagerOptions(
            step_prefix="step", enable_async_checkpointing=False, **options
        ),
        item_handlers=ocp.PyTreeCheckpointHandler(),
    )


def _read(manager: ocp.CheckpointManager, step: int) -> dict[str, np.ndarray]:
    """All leaves of a checkpoint as arrays, whatever they are."""
    metadata: Any = manager.item_metadata(step)
    as_arrays = jax.tree.map(
        lambda _: ocp.RestoreArgs(restore_type=np.ndarray), dict(metadata)
    )
    args = ocp.args.PyTreeRestore(restore_args=as_arrays)
    return dict(manager.restore(step, args=args))


def _path(root: pathlib.Path, step: int) -> pathlib.Path:
    return root / f"step_{step}"


def _named(state: object) -> dict[str, ArrayLike]:
    """The leaves of a state under the names of their paths, in the state's order."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {_name(path): leaf for path, leaf in leaves}


def _name(path: jax.tree_util.KeyPath) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _placed(array: np.ndarray, like: Any) -> object:
    """The array with the type, and on the devices, of `like`."""
    array = np.asarray(array)
    if isinstance(like, jax.Array):
        array = array.astype(like.dtype)
        # Bound to devices only where it was: else the next step compiles once more.
        if like.committed:
            return jax.device_put(array, like.sharding)
        return jnp.asarray(array)
    return type(like)(array) if np.ndim(like) == 0 else array
