"""The settings of a run and of the one before it in the same directory."""

import json
import os
import pathlib
from collections.abc import Mapping

from jax_encoder.errors import InputError
from jax_encoder.io import files, json_types, loading

FILE = "settings.json"
_MAX_SHOWN = 20


class SettingsError(InputError):
    """An earlier run with other settings wrote to the same directory."""


def plain(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings as they come back from a file."""
    return json.loads(json.dumps(settings))


def read(path: str | os.PathLike) -> json_types.Row:
    """Settings that an earlier run wrote as JSON.

    Args:
      path: the file.

    Returns:
      The settings; {} where the file is damaged, so that all of them differ.
    """
    try:
        found = loading.read_json(path)
    except loading.LoadError:
        return {}
    return found if isinstance(found, dict) else {}


def claim(directory: str | os.PathLike, now: Mapping[str, object], what: str) -> None:
    """Notes the settings of a run in its directory, or compares them with those there.

    Args:
      directory: made if missing.
      now: JSON values on which the results depend.
      what: the run, for the message: "a training".

    Raises:
      SettingsError: a run with other settings wrote to the directory.
      WriteError: the directory cannot be written to.
    """
    path = pathlib.Path(directory) / FILE
    if path.is_file() and _has_results(path.parent):
        changes = differences(read(path), now)
        if changes:
            raise SettingsError(
                f"{str(directory)!r} holds {what} with other settings ({changes}). Give"
                " the same ones to go on with it, or choose another --output_dir."
            )
    files.make_directory(directory)
    files.write_json(path, plain(now))


def _has_results(directory: pathlib.Path) -> bool:
    """Whether a run came so far as to write anything besides its settings."""
    entries = (path.name for path in directory.iterdir())
    return any(name != FILE and not name.startswith(".") for name in entries)


def differences(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """What differs, as "num_steps: 3000 then, 2000 now; seed: 0 then, 7 now".

    Args:
      before: JSON values of the earlier run, nested as they may be.
      now: those of this run.

    Returns:
      One clause for each of the first values that differ, under the shortest name that
      tells it apart; "" where nothing differs.
    """
    old, new = _flat(plain(before)), _flat(plain(now))
    missing = object()
    changed = [
        key
        for key in dict.fromkeys([*old, *new])
        if old.get(key, missing) != new.get(key, missing)
    ]
    # A part of another kind differs in every field: its kind says enough.
    kinds = [key[:-3] for key in changed if key.endswith(".is")]
    changed = [
        key
        for key in changed
        if key.endswith(".is") or not any(key.startswith(f"{kind}.") for kind in kinds)
    ]
    shown = changed[:_MAX_SHOWN]
    clauses = [
        f"{_short(key, shown)}: {_say(old, key)} then, {_say(new, key)} now"
        for key in shown
    ]
    more = [f"and {len(changed) - len(shown)} more"] * (len(changed) > len(shown))
    return "; ".join(clauses + more)


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    """The leaves of nested values by their dotted places."""
    if isinstance(value, dict) and value:
        pairs = value.items()
    elif isinstance(value, list) and value:
        pairs = ((str(index), part) for index, part in enumerate(value))
    else:
        return {prefix: value}
    return {
        place: leaf
        for name, part in pairs
        for place, leaf in _flat(part, f"{prefix}.{name}" if prefix else name).items()
    }


def _short(key: str, keys: list[str]) -> str:
    """The fewest last parts of a dotted name that no other name ends with."""
    parts = key.removesuffix(".is").split(".")
    for num in range(1, len(parts) + 1):
        end = parts[-num:]
        others = [k.removesuffix(".is").split(".") for k in keys if k != key]
        if not end[0].isdecimal() and end not in [k[-num:] for k in others]:
            return ".".join(end)
    return ".".join(parts)


def _say(leaves: dict[str, object], key: str) -> str:
    value = leaves.get(key, "none")
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
