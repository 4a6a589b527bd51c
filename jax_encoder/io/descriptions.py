"""What a bundle says of itself in `config.json`, and the files beside its arrays.

Everything here is a foreign value until it is checked: any entry may be missing, of
another type, or name a file somewhere else.
"""

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping

from jax_encoder.errors import InputError
from jax_encoder.io import files, json_types, loading
from jax_encoder.nn import checks

FORMAT = 2
_OLD_FORMAT = 1  # the same without digests
CONFIG = "config.json"
_MAX_CONFIG = 1 << 20
# The entries of a description: their types, and what a missing one counts as.
_SECTIONS: dict[str, tuple[type, object]] = {
    "network": (str, None),
    "config": (dict, None),
    "provenance": (dict, {}),
    "digests": (dict, {}),
    "files": (dict, {}),
}


class BundleError(InputError):
    """A directory is no bundle, or not one of this network."""


def describe(directory: str | os.PathLike[str]) -> json_types.Row:
    """Reads what a bundle says of itself.

    Returns:
      Checked values: "format", "network", "config", "provenance", "digests", "files".

    Raises:
      BundleError: there is no bundle of a known format.
    """
    path = pathlib.Path(directory) / CONFIG
    try:
        description = loading.read_json(path, max_bytes=_MAX_CONFIG)
    except loading.LoadError as error:
        raise BundleError(
            f"{directory} is no bundle ({error}). Convert a checkpoint into one with"
            " `python -m experiments.convert`."
        ) from error
    got = description.get("format") if isinstance(description, dict) else None
    if got not in (_OLD_FORMAT, FORMAT) or isinstance(got, bool | float):
        raise BundleError(
            f"{path}: unknown bundle format {checks.describe(got)}, not {FORMAT}."
        )
    return {"format": got, **_sections(path, description)}


def _sections(path: pathlib.Path, description: json_types.Row) -> json_types.Row:
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
    is_whole = found["digests"].keys() - {"stored"} == {"settings", "arrays"}
    is_old = description["format"] == _OLD_FORMAT and not found["digests"]
    if not all(isinstance(x, str) for x in noted) or not (is_whole or is_old):
        raise BundleError(f"{path}: 'digests' or 'files' are damaged.")
    return found


def is_bundle(directory: str | os.PathLike[str]) -> bool:
    """Whether the directory looks like a bundle."""
    return (pathlib.Path(directory) / CONFIG).is_file()


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
    write(root, description | {"files": dict(sorted(noted.items()))})


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


def settings_digest(description: Mapping[str, object]) -> str:
    """The digest of what decides the network's shape."""
    settings = json.dumps(
        [description["network"], description["config"]], sort_keys=True
    )
    return hashlib.sha256(settings.encode()).hexdigest()


def write(root: pathlib.Path, description: Mapping[str, object]) -> None:
    """Writes a description, whole or not at all."""
    text = json.dumps(description, indent=2) + "\n"
    files.write_bytes(root / CONFIG, text.encode())
