"""Bundles: a network in a directory, as Orbax arrays and a readable `config.json`.

The description holds digests of the settings, of the arrays and of the files beside
them (statistics, pools, directions): a flipped bit is an error, not a wrong picture.
"""

import dataclasses
import hashlib
import importlib
import json
import logging
import math
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from flax import nnx

from jax_encoder.io import digests, files, loading
from jax_encoder.nn import checks

_FORMAT = 2
_OLD_FORMAT = 1  # the same without digests
_CONFIG = "config.json"
_ARRAYS = "arrays"
_MAX_CONFIG = 1 << 20
_SEALED = (".npz", ".npy")
# The entries of a description: their types, and what a missing one counts as.
_SECTIONS: dict[str, tuple[type, Any]] = {
    "network": (str, None),
    "config": (dict, None),
    "provenance": (dict, {}),
    "digests": (dict, {}),
    "files": (dict, {}),
}


class BundleError(ValueError):
    """A directory is no bundle, or not one of this network."""


@dataclasses.dataclass(frozen=True)
class Bundle:
    """What a bundle holds.

    Attributes:
      network: the module, in float32.
      digest: of the arrays as they were read, computed here: tells the network from
        all others, whatever the description says.
      description: of `describe`.
    """

    network: Any
    digest: str
    description: dict[str, Any]


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
    name = f".{files.shorten(target.name)}.{uuid.uuid4().hex[:8]}"
    scratch = target.with_name(name)
    try:
        scratch.mkdir()
        arrays = nnx.to_pure_dict(nnx.state(module))
        arrays = jax.tree.map(lambda x: _stored(np.asarray(x), dtype), arrays)
        with ocp.PyTreeCheckpointer() as checkpointer:
            checkpointer.save(scratch / _ARRAYS, arrays)
        # Orbax notes the path it wrote to, which is nobody's business.
        (scratch / _ARRAYS / "commit_success.txt").unlink(missing_ok=True)
        description = _describe(module, provenance)
        noted = _digests(description, digests.of_tree(arrays))
        _write_description(scratch, description | {"digests": noted, "files": {}})
        _replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load(
    directory: str | os.PathLike[str],
    *,
    verify: bool = True,
    max_bytes: int | None = None,
) -> Any:
    """Reads a network from a bundle, in float32.

    Args:
      directory: what `save` wrote.
      verify: compare the arrays with their digest.
      max_bytes: that the network may take; None for `checks.ceiling()`.

    Returns:
      The network.

    Raises:
      BundleError: no bundle, one of an unknown network, settings out of their range,
        a network that is too large, or damaged arrays.
    """
    return _load(directory, verify=verify, has_digest=verify, max_bytes=max_bytes)[0]


def read(
    directory: str | os.PathLike[str],
    *,
    verify: bool = True,
    max_bytes: int | None = None,
) -> Bundle:
    """Reads a network from a bundle, and tells it by its arrays; see `load`."""
    return Bundle(
        *_load(directory, verify=verify, has_digest=True, max_bytes=max_bytes)
    )


def _load(
    directory, *, verify: bool, has_digest: bool, max_bytes: int | None
) -> tuple[Any, str, dict[str, Any]]:
    """The network, its digest ("" unless asked for) and the description."""
    root = pathlib.Path(directory).absolute()
    description = describe(root)
    make = _constructor(root, description)
    try:
        graphdef, abstract = nnx.split(nnx.eval_shape(make))
    except Exception as error:  # settings that no check foresaw
        raise BundleError(
            f"{root}: cannot build the network: {checks.failure(error)}"
        ) from error
    wanted = nnx.to_pure_dict(abstract)
    _check_size(root, wanted, max_bytes)
    try:
        stored = _restore(root, wanted)
    except Exception as error:  # Orbax raises many kinds on damaged files
        reason = checks.failure(error)
        raise BundleError(
            f"The arrays of the bundle {root} are damaged ({reason}); get it again."
        ) from error
    digest = digests.of_tree(stored) if has_digest else ""
    if verify:
        _verify(root, description, digest)
    # As one transfer: converted one by one, every shape is a little program.
    restored = jax.tree.map(lambda x, y: x.astype(y.dtype, copy=False), stored, wanted)
    nnx.replace_by_pure_dict(abstract, jax.device_put(restored))
    return nnx.merge(graphdef, abstract), digest, description


def _restore(root: pathlib.Path, wanted: Any) -> Any:
    """The arrays as they are stored, in the shapes that the network has."""
    arguments = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted)
    with ocp.PyTreeCheckpointer() as checkpointer:
        stored = checkpointer.restore(
            root / _ARRAYS,
            args=ocp.args.PyTreeRestore(item=wanted, restore_args=arguments),
        )
    jax.tree.map(_check_array, stored, wanted)
    return stored


def _check_array(array: np.ndarray, wanted: jax.ShapeDtypeStruct) -> None:
    if array.shape != wanted.shape:
        raise ValueError(f"an array of {array.shape} stands where {wanted.shape} must")


def _check_size(root: pathlib.Path, wanted: Any, max_bytes: int | None) -> None:
    """Refuses a network that would fill the memory, before any of it is made."""
    size = sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(wanted))
    try:
        checks.check_size(size, max_bytes)
    except ValueError as error:
        raise BundleError(f"{root / _CONFIG}: {error}") from error


def _verify(root: pathlib.Path, description: dict[str, Any], digest: str) -> None:
    if not description["digests"]:
        logging.getLogger(__name__).warning(
            "Note: %s is a bundle of an earlier version, without digests, so that a"
            " damaged one goes unnoticed; `jax_encoder.io.seal` adds them.",
            root,
        )
        return
    for name, found in _digests(description, digest).items():
        if description["digests"][name] != found:
            raise BundleError(
                f"The {name} of the bundle {root} are not what it was saved with:"
                " damaged, edited or exchanged. Get it again; --no_verify"
                " (verify=False) loads it all the same, and `jax_encoder.io.seal`"
                " accepts it as it is."
            )


def _digests(description: Mapping[str, Any], arrays: str) -> dict[str, str]:
    """The digests of the settings and of the arrays."""
    settings = json.dumps(
        [description["network"], description["config"]], sort_keys=True
    )
    return {"settings": hashlib.sha256(settings.encode()).hexdigest(), "arrays": arrays}


def seal(directory: str | os.PathLike[str]) -> None:
    """Notes the digests of the arrays and of the files beside them.

    For a bundle that was changed on purpose: statistics, a pool or directions were
    added, or an earlier version wrote it.

    Args:
      directory: of the bundle.

    Raises:
      BundleError: no bundle, or damaged arrays.
      WriteError: the description cannot be written.
    """
    root = pathlib.Path(directory).absolute()
    found = read(root, verify=False)
    beside = sorted(
        path
        for path in root.rglob("*")
        if path.is_file()
        and path.relative_to(root).parts[0] != _ARRAYS
        and path.suffix in _SEALED
        and not path.name.startswith(".")
    )
    description = found.description | {
        "format": _FORMAT,
        "digests": _digests(found.description, found.digest),
        "files": {
            path.relative_to(root).as_posix(): files.sha256(path) for path in beside
        },
    }
    _write_description(root, description)


def note(directory: str | os.PathLike[str], *names: str) -> None:
    """Notes the digests of files that were just written beside the arrays.

    Args:
      directory: of the bundle.
      *names: of the files, within the bundle; those that are gone are forgotten.

    Raises:
      BundleError: no bundle.
      WriteError: the description cannot be written.
    """
    root = pathlib.Path(directory)
    description = describe(root)
    noted = {
        name: digest
        for name, digest in description["files"].items()
        if name not in names and _is_beside(root, name)
    }
    for name in names:
        if _is_beside(root, name):
            noted[name] = files.sha256(root / name)
    _write_description(root, description | {"files": dict(sorted(noted.items()))})


def _is_beside(root: pathlib.Path, name: str) -> bool:
    """Whether a bundle has such a file; names that lead out of it are none."""
    try:
        return files.inside(root, name).is_file()
    except (OSError, ValueError):
        return False


def companion(
    directory: str | os.PathLike[str], name: str, *, verify: bool = True
) -> pathlib.Path | None:
    """Finds a file that belongs to a bundle, such as its statistics.

    Args:
      directory: of the bundle; anything else has none.
      name: of the file, within the bundle.
      verify: compare its content with the digest, where the bundle notes one.

    Returns:
      The file, or None if there is none.

    Raises:
      BundleError: its content is not what the bundle was sealed with.
    """
    root = pathlib.Path(directory)
    path = files.inside(root, name)
    if not is_bundle(root) or not path.is_file():
        return None
    noted = describe(root)["files"].get(name)
    if verify and noted is not None and noted != files.sha256(path):
        raise BundleError(
            f"{path} is not the file that the bundle was sealed with: damaged or"
            " exchanged."
        )
    return path


def describe(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what a bundle says of itself.

    Returns:
      Checked values: "format", "network", "config", "provenance", "digests", "files".

    Raises:
      BundleError: there is no bundle of a known format.
    """
    path = pathlib.Path(directory) / _CONFIG
    try:
        description = loading.read_json(path, max_bytes=_MAX_CONFIG)
    except loading.LoadError as error:
        raise BundleError(
            f"{directory} is no bundle ({error}). Convert a checkpoint into one with"
            " `python -m experiments.convert`."
        ) from error
    got = description.get("format") if isinstance(description, dict) else None
    if got not in (_OLD_FORMAT, _FORMAT) or isinstance(got, bool | float):
        raise BundleError(
            f"{path}: unknown bundle format {checks.describe(got)}, not {_FORMAT}."
        )
    return {"format": got, **_sections(path, description)}


def _sections(path: pathlib.Path, description: dict[str, Any]) -> dict[str, Any]:
    """The entries of a description, each of its type."""
    found = {}
    for name, (kind, default) in _SECTIONS.items():
        found[name] = value = description.get(name, default)
        if not isinstance(value, kind):
            raise BundleError(
                f"{path}: {name!r} must be a {kind.__name__}, got"
                f" {checks.describe(value)}."
            )
    noted = [*found["digests"].values(), *found["files"].values()]
    is_whole = found["digests"].keys() == {"settings", "arrays"}
    is_old = description["format"] == _OLD_FORMAT and not found["digests"]
    if not all(isinstance(x, str) for x in noted) or not (is_whole or is_old):
        raise BundleError(f"{path}: 'digests' or 'files' are damaged.")
    return found


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


def _write_description(root: pathlib.Path, description: dict[str, Any]) -> None:
    text = json.dumps(description, indent=2) + "\n"
    files.write_bytes(root / _CONFIG, text.encode())


def _constructor(root: pathlib.Path, description: dict[str, Any]) -> Callable[[], Any]:
    name = description["network"]
    module_name, _, class_name = name.partition(":")
    # Only this library's own networks: a bundle must not choose code to run.
    if not module_name.startswith("jax_encoder.nn."):
        raise BundleError(
            f"{root}: {checks.describe(name)} is no network of jax_encoder.nn."
        )
    try:
        kind = getattr(importlib.import_module(module_name), class_name)
        config = kind.config_class(**_tuples(description["config"]))
    except Exception as error:  # foreign settings fail in any way
        reason = error if isinstance(error, ValueError) else checks.failure(error)
        raise BundleError(
            f"{root / _CONFIG}: this version cannot build {checks.describe(name)}:"
            f" {reason}"
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


def _replace(scratch: pathlib.Path, target: pathlib.Path) -> None:
    """Puts `scratch` in the place of `target`; a crash leaves one whole bundle."""
    if target.exists():
        old = scratch.with_name(f"{scratch.name}.old")
        os.rename(target, old)
        os.rename(scratch, target)
        shutil.rmtree(old)
    else:
        os.rename(scratch, target)
