"""Bundles: a network in a directory, as Orbax arrays and a readable `config.json`.

The description holds digests of the settings, of the arrays and of the files beside
them (statistics, pools, directions): a flipped bit is an error, not a wrong picture.
"""

import concurrent.futures
import dataclasses
import importlib
import logging
import math
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Mapping

import jax
import numpy as np
import orbax.checkpoint as ocp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.io import (
    descriptions,
    digests,
    files,
    finite,
    json_types,
    network_names,
)
from jax_encoder.io.descriptions import BundleError as BundleError
from jax_encoder.io.descriptions import companion as companion
from jax_encoder.io.descriptions import describe as describe
from jax_encoder.io.descriptions import is_bundle as is_bundle
from jax_encoder.io.descriptions import note as note
from jax_encoder.nn import base, checks

_ARRAYS = "arrays"
_SEALED = (".npz", ".npy", ".json")


@dataclasses.dataclass(frozen=True)
class Bundle:
    """What a bundle holds.

    Attributes:
      network: the module, in float32.
      digest: of the arrays as they were read, computed here: tells the network from
        all others, whatever the description says.
      description: of `describe`.
    """

    network: base.Network
    digest: str
    description: json_types.Row


def save(
    module: nnx.Module,
    directory: str | os.PathLike[str],
    *,
    provenance: Mapping[str, object] | None = None,
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
      NotFiniteError: an array holds NaN or an infinity, perhaps only in `dtype`.
    """
    if not isinstance(module, nnx.Module) or not hasattr(module, "config_class"):
        raise BundleError(
            f"{checks.describe(module)} is no network that can be saved: give one of"
            " `jax_encoder.nn`, such as `jax_encoder.demo.generator()`."
        )
    target = pathlib.Path(directory).absolute()
    if (
        target.exists()
        and not (target / descriptions.CONFIG).exists()
        and any(target.iterdir())
    ):
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
        finite.check(arrays, target)
        with ocp.PyTreeCheckpointer() as checkpointer:
            checkpointer.save(scratch / _ARRAYS, arrays)
        # Orbax notes the path it wrote to, which is nobody's business.
        (scratch / _ARRAYS / "commit_success.txt").unlink(missing_ok=True)
        description = _describe(module, provenance)
        noted = _digests(scratch, description, digests.of_tree(arrays))
        descriptions.write(scratch, description | {"digests": noted, "files": {}})
        _replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load(
    directory: str | os.PathLike[str],
    *,
    verify: bool = True,
    max_bytes: int | None = None,
) -> base.Network:
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
    return _load(directory, verify=verify, has_digest=False, max_bytes=max_bytes)[0]


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
) -> tuple[base.Network, str, json_types.Row]:
    """The network, its digest ("" unless asked for) and the description."""
    root = pathlib.Path(directory).absolute()
    description = describe(root)
    # Meanwhile the network is built, so that with two processors this costs nothing.
    has_files = verify and "stored" in description["digests"]
    files_digest = _later(lambda: digests.of_files(root / _ARRAYS) if has_files else "")
    make = constructor(root, description)
    try:
        graphdef, abstract = nnx.split(nnx.eval_shape(make))
    except Exception as error:  # settings that no check foresaw
        raise BundleError(
            f"{root}: cannot build the network: {checks.failure(error)}"
        ) from error
    wanted = nnx.to_pure_dict(abstract)
    _check_size(root, wanted, max_bytes)
    is_verified = verify and _verify_files(root, description, files_digest)
    try:
        stored = _restore(root, wanted)
    except Exception as error:  # Orbax raises many kinds on damaged files
        reason = checks.failure(error)
        raise BundleError(
            f"The arrays of the bundle {root} are damaged ({reason}); get it again."
        ) from error
    # Files that are as they were saved hold the arrays that were saved.
    needs_digest = has_digest or not is_verified
    arrays_digest = _later(lambda: digests.of_tree(stored) if needs_digest else "")
    # As one transfer: converted one by one, every shape is a little program.
    restored = jax.tree.map(lambda x, y: x.astype(y.dtype, copy=False), stored, wanted)
    nnx.replace_by_pure_dict(abstract, jax.device_put(restored))
    digest = arrays_digest()  # taken meanwhile
    if verify and digest and description["digests"]:
        _compare(root, "arrays", description, digest)
    return nnx.merge(graphdef, abstract), digest, description


def _restore(root: pathlib.Path, wanted: object) -> object:
    """The arrays as they are stored, in the shapes that the network has."""
    arguments = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted)
    with ocp.PyTreeCheckpointer() as checkpointer:
        # Before any is read: what they declare may be larger than every memory.
        declared = checkpointer.metadata(root / _ARRAYS).item_metadata
        jax.tree.map(_check_array, getattr(declared, "tree", declared), wanted)
        stored = checkpointer.restore(
            root / _ARRAYS,
            args=ocp.args.PyTreeRestore(item=wanted, restore_args=arguments),
        )
    jax.tree.map(_check_array, stored, wanted)
    return stored


def _check_array(array: jax.Array | np.ndarray, wanted: jax.ShapeDtypeStruct) -> None:
    if tuple(array.shape) != wanted.shape:
        raise InputError(f"an array of {array.shape} stands where {wanted.shape} must")


def _check_size(root: pathlib.Path, wanted: object, max_bytes: int | None) -> None:
    """Refuses a network that would fill the memory, before any of it is made."""
    size = sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(wanted))
    try:
        checks.check_size(size, max_bytes)
    except ValueError as error:
        raise BundleError(f"{root / descriptions.CONFIG}: {error}") from error


def _digests(
    root: pathlib.Path, description: dict[str, object], arrays: str
) -> dict[str, str]:
    """What a description notes: of the settings, the arrays, and the arrays' files."""
    return {
        "settings": descriptions.settings_digest(description),
        "arrays": arrays,
        "stored": digests.of_files(root / _ARRAYS),
    }


def _later(work: Callable[[], str]) -> Callable[[], str]:
    """Starts work on a thread of its own; the function waits for what it returns."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future.result


def _verify_files(
    root: pathlib.Path, description: json_types.Row, files_digest: Callable[[], str]
) -> bool:
    """Compares settings and files before anything opens them.

    Returns:
      Whether the files are known to be whole; False where no digest of them is noted.

    Raises:
      BundleError: they differ from what was noted.
    """
    noted = description["digests"]
    if not noted:
        logging.getLogger(__name__).warning(
            "Note: %s is a bundle of an earlier version, without digests, so that a"
            " damaged one goes unnoticed; `jax_encoder.io.seal` adds them.",
            root,
        )
        return False
    _compare(root, "settings", description, descriptions.settings_digest(description))
    if "stored" not in noted:
        return False
    try:
        found = files_digest()
    except OSError as error:
        raise BundleError(f"The arrays of the bundle {root}: {error}") from error
    _compare(root, "stored", description, found)
    return True


def _compare(
    root: pathlib.Path, name: str, description: json_types.Row, found: str
) -> None:
    """Refuses what has another digest than the description notes."""
    if description["digests"][name] != found:
        what = "arrays" if name == "stored" else name
        raise BundleError(
            f"The {what} of the bundle {root} are not what it was saved with: damaged,"
            " edited or exchanged. Get it again; --no_verify (verify=False) loads it"
            " all the same, and `jax_encoder.io.seal` accepts it as it is."
        )


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
        and path != root / descriptions.CONFIG
        and not path.name.startswith(".")
    )
    description = found.description | {
        "format": descriptions.FORMAT,
        "digests": _digests(root, found.description, found.digest),
        "files": {
            path.relative_to(root).as_posix(): files.sha256(path) for path in beside
        },
    }
    descriptions.write(root, description)


def _describe(
    module: base.Network, provenance: Mapping[str, object] | None
) -> json_types.Row:
    kind = type(module)
    return {
        "format": descriptions.FORMAT,
        "network": f"{kind.__module__}:{kind.__qualname__}",
        "config": dataclasses.asdict(module.config),
        "provenance": dict(provenance or {}),
    }


def constructor(
    root: pathlib.Path, description: json_types.Row
) -> Callable[[], base.Network]:
    """What makes the network that a description names, its settings checked.

    Raises:
      BundleError: no network of this library, or settings out of their range.
    """
    name = network_names.current(description["network"])
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
        path, shown = root / descriptions.CONFIG, checks.describe(name)
        raise BundleError(
            f"{path}: this version cannot build {shown}: {reason}"
        ) from error
    return lambda: kind(config, rngs=nnx.Rngs(0))


def _tuples(value: object) -> json_types.Json:
    """JSON lists back to the tuples of hashable configs."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _stored(array: np.ndarray, dtype: str | None) -> np.ndarray:
    is_float = np.issubdtype(array.dtype, np.floating)
    with np.errstate(over="ignore"):  # what is infinite then is refused by name
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
