"""What a converter of one kind of checkpoint provides, and what it may assume."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from flax import nnx

from converters import conversion_errors
from converters.formats import entry_names


class Gaps:
    """What a file does not tell, filled by the person's values or by defaults.

    A builder asks for every such value by name; what it got by default is noted, so
    that a summary can name it.

    Attributes:
      assumed: the defaults that were taken, by name.
    """

    def __init__(self, given: Mapping[str, object] | None = None):
        """Takes the values that the person gave, by name."""
        self._given = dict(given or {})
        self._used: set[str] = set()
        self.assumed: dict[str, object] = {}

    def fill(self, name: str, default: object) -> Any:
        """The value of the person, or else the default, which is noted."""
        if name in self._given:
            self._used.add(name)
            return self._given[name]
        self.assumed[name] = default
        return default

    def check_used(self) -> None:
        """Refuses values that nothing asked for.

        Raises:
          ConversionError: the file tells such a value itself, or has none like it.
        """
        unused = sorted(self._given.keys() - self._used)
        if unused:
            raise conversion_errors.ConversionError(
                f"nothing is assumed about {', '.join(unused)} here: the file tells it"
                f" itself or has none; what can be given: {sorted(self.assumed) or '-'}"
            )


Builder = Callable[[object, str | None, Gaps], nnx.Module]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One layout of checkpoints.

    The callables get a tree that `views` made of `contents.Contents`, which is foreign
    input: check what you use. `recognize` may not raise; `build` raises
    ConversionError.

    Attributes:
      name: what `load(path, kind=...)` takes.
      description: one line for a person.
      recognize: whether the tree is of this kind; must look at a few names or shapes
        that no other kind has, and may be False for kinds that only a person can tell.
      missing: what the tree lacks to be built as this kind, in a few words; empty if
        nothing does. Asked before a kind that a person named is built.
      parts: the networks in the tree, the default first; at least one.
      build: makes the network of one part (None: the default).
    """

    name: str
    description: str
    recognize: Callable[[object], bool]
    missing: Callable[[object], str]
    parts: Callable[[object], tuple[str, ...]]
    build: Builder


def needs(*alternatives: tuple[str, ...]) -> Callable[[object], str]:
    """A `Kind.missing` that wants all entries of one of several sets.

    Args:
      *alternatives: sets of names of entries.
    """

    def missing(tree: object) -> str:
        if not isinstance(tree, dict):
            return "a table of named arrays (a state dict)"
        lacking = [[n for n in names if n not in tree] for names in alternatives]
        fewest = min(lacking, key=len)
        return f"the entry {fewest[0]!r}" if fewest else ""

    return missing


def whole(build: Callable[[entry_names.Entries], nnx.Module]) -> Builder:
    """A `Kind.build` of a kind with a single part that leaves nothing open."""
    return lambda tree, part, gaps: build(entry_names.table(tree))


def single(
    name: str,
    description: str,
    part: str,
    marks: tuple[str, ...],
    build: Callable[[entry_names.Entries], nnx.Module],
    *,
    absent: tuple[str, ...] = (),
    recognize: Callable[[object], bool] | None = None,
) -> Kind:
    """A kind with a single part that leaves nothing open, known by its entries.

    Args:
      name: as of `Kind`.
      description: as of `Kind`.
      part: the network's name.
      marks: entries that it must have.
      build: makes the network of a tree.
      absent: entries that tell another kind.
      recognize: as of `Kind`; default: a state dict with all `marks`, none of `absent`.
    """

    def has_marks(tree: object) -> bool:
        return (
            entry_names.is_state_dict(tree)
            and set(marks) <= tree.keys()
            and not set(absent) & tree.keys()
        )

    return Kind(
        name=name,
        description=description,
        recognize=recognize or has_marks,
        missing=needs(marks),
        parts=lambda tree: (part,),
        build=whole(build),
    )
