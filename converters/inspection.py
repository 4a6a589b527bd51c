"""What a checkpoint file holds, without building anything."""

import dataclasses
import itertools
import os
from collections.abc import Iterable

import numpy as np

from converters.formats import kinds, recognition
from converters.readers import contents
from converters.readers.records import Record
from jax_encoder.nn.checks import describe

_MAX_ENTRIES = 20_000
_TORCH_TABLES = ("_parameters", "_buffers", "_modules")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaf:
    """One leaf of the file.

    Attributes:
      name: its path, such as "g_ema/style.1.weight".
      value: shape and type of an array; other values in a few characters.
      size: bytes of an array, zero otherwise.
    """

    name: str
    value: str
    size: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a file holds.

    Attributes:
      path: the file.
      container: how it is stored, such as "torch zip".
      file_size: in bytes.
      what: the network in a person's words, also where it is not supported.
      kinds: the kinds of checkpoints that the content may be, usually one.
      parts: the networks inside; the default first.
      advice: of layouts that are known and not supported: why not, what to do.
      entries: the leaves, in the file's order.
      is_complete: whether `entries` lists all of them.
    """

    path: str
    container: str
    file_size: int
    what: str
    kinds: tuple[str, ...]
    parts: tuple[str, ...]
    advice: str
    entries: tuple[Leaf, ...]
    is_complete: bool

    def __str__(self) -> str:
        kinds = " or ".join(self.kinds) or "none"
        lines = [
            f"{self.path}: {self.what}; {self.container}, {self.file_size:,} bytes",
            self.advice or f"kind: {kinds}; parts: {', '.join(self.parts) or 'none'}",
        ]
        lines += [f"  {entry.name}: {entry.value}" for entry in self.entries]
        return "\n".join(lines + ["  ..."] * (not self.is_complete))


def inspect(path: str | os.PathLike[str]) -> Inspection:
    """Lists what a file holds. Nothing of it is run, and no network is built.

    Args:
      path: the file.

    Raises:
      ConversionError: the file cannot be read safely.
    """
    found = contents.read(path)
    finding = kinds.find(found.tree)
    entries, is_complete = walk(found.tree)
    return Inspection(
        path=found.path,
        container=found.container,
        file_size=os.path.getsize(path),
        what=_what(finding),
        kinds=tuple(kind.name for kind in finding.kinds),
        parts=finding.parts,
        advice=finding.layout.sentence if finding.layout else "",
        entries=tuple(entries),
        is_complete=is_complete,
    )


def _what(finding: recognition.Finding) -> str:
    """The network in a person's words, and what it is wrapped in."""
    if finding.layout:
        return f"{finding.layout.name} (known, not supported)"
    if not finding.candidates:
        return "not recognized"
    what = " or ".join(kind.description for kind in finding.kinds)
    path = finding.candidates[0].view.path
    return f"{what}, in {' > '.join(map(_brief, path))}" if path else what


def walk(tree: object) -> tuple[list[Leaf], bool]:
    """The leaves of a tree, which may hold itself; depth first, in order."""
    entries: list[Leaf] = []
    waiting: list[tuple[str, object]] = [("", tree)]
    for _ in range(4 * _MAX_ENTRIES):
        if not waiting or len(entries) >= _MAX_ENTRIES:
            break
        name, value = waiting.pop()
        inner = _inner(value)
        if inner is None:
            entries.append(_leaf(name, value))
        elif len(name) > 1000 or len(waiting) > _MAX_ENTRIES:
            return entries, False
        else:
            children = [
                (f"{name}/{_brief(key)}" if name else _brief(key), child)
                for key, child in itertools.islice(inner, _MAX_ENTRIES + 1)
            ]
            waiting += reversed(children)
    return entries, not waiting


def _inner(value: object) -> Iterable[tuple[object, object]] | None:
    """The named parts of a value; None for a leaf."""
    if isinstance(value, Record):
        state = value.state if isinstance(value.state, dict) else {"state": value.state}
        if not isinstance(state.get("_parameters"), dict):
            return [(f"<{_brief(value.class_name)}>", state)] if state else []
        tables = [state.get(name) for name in _TORCH_TABLES]
        tables = [table for table in tables if isinstance(table, dict)]
        return itertools.chain.from_iterable(table.items() for table in tables)
    if isinstance(value, dict):
        return value.items() or None
    if isinstance(value, list | tuple) and value:
        if all(isinstance(item, int | float | str | None) for item in value[:100]):
            return None
        if all(_is_pair(item) for item in value[:100]):  # TensorFlow's variables
            return (item if _is_pair(item) else ("?", item) for item in value)
        return enumerate(value)
    return None


def _is_pair(item: object) -> bool:
    if not isinstance(item, list | tuple) or len(item) != 2:
        return False
    return isinstance(item[0], str)


def _leaf(name: str, value: object) -> Leaf:
    if isinstance(value, np.ndarray):
        return Leaf(
            name=name, value=f"{value.dtype}{[*value.shape]}", size=value.nbytes
        )
    if isinstance(value, memoryview | bytes):
        return Leaf(name=name, value=f"{len(value)} bytes")
    if isinstance(value, list | tuple):
        shown = ", ".join(_brief(item) for item in value[:8])
        return Leaf(name=name, value=f"({shown}{', ...' * (len(value) > 8)})")
    return Leaf(name=name, value=_brief(value))


def _brief(value: object) -> str:
    """A few characters of a scalar; the type of anything else."""
    if isinstance(value, str):
        return describe(value.split("\n", 1)[0] if len(value) < 256 else value)[1:-1]
    if value is None or isinstance(value, bool | int | float | complex | np.generic):
        return describe(value)
    return f"<{type(value).__name__}>"
