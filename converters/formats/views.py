"""Looks through what programs wrap around the networks that they save.

`{"state_dict": G}`, `{"params_ema": G}`, `{"models": {"g_ema": G}}`, and prefixes of
every name ("module." of data-parallel training, "generator." of a larger module).
"""

import collections
import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from converters.formats import entry_names, persistence

_MAX_DEPTH = 3
_MAX_CHILDREN = 64
_MAX_VIEWS = 200
_MAX_NAME = 1000
# Components of names that torch's wrappers add to those of the module inside.
_TRANSPARENT = re.compile(r"(?<![^.])(?:module|_orig_mod)\.")
# What a wrapper says beside the network and its builder may ask for.
_SHARED = ("latent_avg", "opts", "args")


@dataclasses.dataclass(frozen=True)
class View:
    """A part of a file that may be a checkpoint of its own.

    Attributes:
      path: the keys and prefixes that were looked through, outermost first.
      tree: the part; its tables are `entry_names.Entries` without transparent prefixes.
      around: what the wrappers hold beside it and a builder may ask for.
    """

    path: tuple[str, ...]
    tree: object
    around: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def whole(self) -> object:
        """The part, which knows what is around it."""
        if not isinstance(self.tree, dict) or not self.around:
            return self.tree
        found = entry_names.Entries(self.tree)
        found.around = self.around
        return found


def views(tree: object) -> Iterator[list[View]]:
    """Yields the parts of a file, a list for every depth, the whole file first.

    A part that stands in several places is looked at once.

    Args:
      tree: what a file holds.
    """
    level = [View((), plain(tree))]
    seen = {id(level[0].tree): level[0]}  # kept, so that no id is used again
    for _ in range(_MAX_DEPTH + 1):
        yield level
        inner = []
        for child in itertools.chain.from_iterable(map(_children, level)):
            if id(child.tree) not in seen and len(seen) < _MAX_VIEWS:
                seen[id(child.tree)] = child
                inner.append(child)
        if not inner:
            return
        level = inner


def plain(tree: object, depth: int = _MAX_DEPTH) -> object:
    """The tree without transparent prefixes, its tables as `entry_names.Entries`."""
    return _plain(tree, depth, {})


def _plain(value: object, depth: int, known: dict[tuple[int, int], object]) -> object:
    if not isinstance(value, dict) or isinstance(value, entry_names.Entries):
        return value
    place = (id(value), depth)
    if place not in known:
        known[place] = found = entry_names.Entries()
        for name, inner in value.items():  # a foreign name may be of any type
            ours: Any = _shorter(name)
            ours = name if ours in value else ours
            found[ours] = _plain(inner, depth - 1, known) if depth else inner
    return known[place]


def _shorter(name: object) -> object:
    if not isinstance(name, str) or len(name) > _MAX_NAME:
        return name
    return _TRANSPARENT.sub("", name)


def _children(view: View) -> Iterator[View]:
    """What the values of a table are, and what its names' prefixes set apart."""
    tree = view.tree
    if not isinstance(tree, dict):
        return
    around = dict(view.around)
    around |= {name: tree[name] for name in _SHARED if tree.get(name) is not None}
    number = 0
    for name, value in tree.items():
        is_table = isinstance(value, dict) and bool(value)
        if isinstance(name, str) and (is_table or persistence.is_module(value)):
            number += 1
            if number > _MAX_CHILDREN:
                break
            yield View((*view.path, name), value, around)
    groups = _groups(tree)
    if len(groups) <= _MAX_CHILDREN:
        for prefix, group in groups.items():
            yield View((*view.path, f"{prefix}."), group, around)


def _groups(tree: Mapping[object, object]) -> dict[str, entry_names.Entries]:
    """The arrays by the first component of their names."""
    groups: dict[str, entry_names.Entries] = collections.defaultdict(
        entry_names.Entries
    )
    for name, value in tree.items():
        if isinstance(name, str) and isinstance(value, np.ndarray):
            head, dot, rest = name.partition(".")
            if dot and len(head) < _MAX_NAME:
                groups[head][rest] = value
        if len(groups) > _MAX_CHILDREN:
            break
    return groups
