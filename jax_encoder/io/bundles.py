"""Bundles: a network in a directory, as Orbax arrays and a readable `config.json`."""

import dataclasses
import importlib
import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from flax import nnx

_FORMAT = 1
_CONFIG = "config.json"
_ARRAYS = "arrays"


class BundleError(ValueError):
    """A directory is no bundle, or not one of this network."""


def save(
    module: nnx.Module,
    directory: str | os.PathLike[str],
    *,
    provenance: Mapping[str, Any] | None = None,
    dtype: str | None = None,
) -> None:
    """Writes a network as a bundle. The directory appears whole or not at all.

    Args:
      module: a network with `config` and `config_class`.
      directory: where to write; replaced if it is a bundle already.
      provenance: JSON values on the origin: source file, sha256, license...
      dtype: store floating-point arrays in this type, say "float16".

    Raises:
      BundleError: the directory exists and is not a bundle.
    """
    target = pathlib.Path(directory).absolute()
    if target.exists() and not (target / _CONFIG).exists() and any(target.iterdir()):
        raise BundleError(
            f"{target} exists and is not a bundle; name another directory."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        scratch.mkdir()
        arrays = nnx.to_pure_dict(nnx.state(module))
        arrays = jax.tree.map(lambda x: _stored(np.asarray(x), dtype), arrays)
        with ocp.PyTreeCheckpointer() as checkpointer:
            checkpointer.save(scratch / _ARRAYS, arrays)
        # Orbax notes the path it wrote to, which is nobody's business.
        (scratch / _ARRAYS / "commit_success.txt").unlink(missing_ok=True)
        text = json.dumps(_describe(module, provenance), indent=2) + "\n"
        (scratch / _CONFIG).write_text(text)
        _replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load(directory: str | os.PathLike[str]) -> Any:
    """Reads a network from a bundle, in float32.

    Args:
      directory: what `save` wrote.

    Returns:
      The network.

    Raises:
      BundleError: no bundle, one of an unknown network, or damaged arrays.
    """
    root = pathlib.Path(directory).absolute()
    description = describe(root)
    make = _constructor(root, description)
    graphdef, abstract = nnx.split(nnx.eval_shape(make))
    wanted = nnx.to_pure_dict(abstract)
    try:
        with ocp.PyTreeCheckpointer() as checkpointer:
            restored = checkpointer.restore(
                root / _ARRAYS,
                args=ocp.args.PyTreeRestore(
                    item=wanted,
                    restore_args=jax.tree.map(
                        lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted
                    ),
                ),
            )
        # As one transfer: converted one by one, every shape is a little program.
        restored = jax.device_put(jax.tree.map(_restored, restored, wanted))
    except (ValueError, KeyError, FileNotFoundError, OSError) as error:
        raise BundleError(f"The arrays of the bundle {root} are damaged: {error}")  # noqa: B904
    nnx.replace_by_pure_dict(abstract, restored)
    return nnx.merge(graphdef, abstract)


def describe(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what a bundle says of itself: network, config, provenance, extras.

    Raises:
      BundleError: there is no bundle of a known format.
    """
    path = pathlib.Path(directory) / _CONFIG
    try:
        description = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{directory} is no bundle ({error}). Convert a checkpoint into one with"
            " `python -m experiments.convert`."
        ) from error
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        got = description.get("format") if isinstance(description, dict) else None
        raise BundleError(f"{path}: unknown bundle format {got}, not {_FORMAT}.")
    return description


def is_bundle(directory: str | os.PathLike[str]) -> bool:
    """Whether the directory looks like a bundle."""
    return (pathlib.Path(directory) / _CONFIG).is_file()


def _describe(module: Any, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    kind = type(module)
    return {
        "format": _FORMAT,
        "network": f"{kind.__module__}:{kind.__qualname__}",
        "config": dataclasses.asdict(module.config),
        "provenance": dict(provenance or {}),
    }


def _constructor(root: pathlib.Path, description: dict[str, Any]):
    name = str(description.get("network"))
    module_name, _, class_name = name.partition(":")
    # Only this library's own networks: a bundle must not choose code to run.
    if not module_name.startswith("jax_encoder.nn."):
        raise BundleError(f"{root}: {name!r} is no network of jax_encoder.nn.")
    try:
        kind = getattr(importlib.import_module(module_name), class_name)
        config = kind.config_class(**_tuples(description["config"]))
    except (ImportError, AttributeError, TypeError, KeyError, ValueError) as error:
        raise BundleError(
            f"{root}: this version cannot build {name!r}: {error}"
        ) from error
    return lambda: kind(config, rngs=nnx.Rngs(0))


def _tuples(value: Any) -> Any:
    """JSON lists back to the tuples of hashable configs."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _stored(array: np.ndarray, dtype: str | None) -> np.ndarray:
    is_float = np.issubdtype(array.dtype, np.floating)
    return array.astype(dtype) if dtype and is_float else array


def _restored(array: np.ndarray, wanted: jax.ShapeDtypeStruct) -> np.ndarray:
    if array.shape != wanted.shape:
        raise ValueError(f"an array of {array.shape} stands where {wanted.shape} must.")
    return array.astype(wanted.dtype, copy=False)


def _replace(scratch: pathlib.Path, target: pathlib.Path) -> None:
    """Puts `scratch` in the place of `target`; a crash leaves one whole bundle."""
    if target.exists():
        old = scratch.with_name(f"{scratch.name}.old")
        os.rename(target, old)
        os.rename(scratch, target)
        shutil.rmtree(old)
    else:
        os.rename(scratch, target)
