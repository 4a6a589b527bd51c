"""Edits of a JSON tree: every value replaced by the extremes of all types.

The grammar behind the tests of configs: what a person, a bit of damage or an attacker
may write where a number, a text or a table stands.
"""

import copy
import random
from collections.abc import Iterable, Iterator

EXTREMES: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    1e-300,
    1e300,
    -1e300,
    10**5,
    2**31,
    2**63,
    10**4000,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../../../x",
    "/etc/passwd",
    "x" * 100_000,
    "\ud800",
    "\0",
    [],
    {},
    [[]],
    [0],
    [1] * 5,
    [1] * 10_000,
    [1e9] * 3,
    [None],
    {"x": 1},
    {"sha256": "x"},
)


def paths(
    tree: object, prefix: tuple[object, ...] = ()
) -> Iterator[tuple[object, ...]]:
    """The place of every value in a tree, tables and lists included."""
    items: Iterable[tuple[object, object]] = ()
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    for key, value in items:
        yield (*prefix, key)
        yield from paths(value, (*prefix, key))


def deep(depth: int) -> object:
    """A list of a list of a list ..."""
    tree: list[object] = []
    for _ in range(depth):
        tree = [tree]
    return tree


def edits(tree: object, count: int, seed: int = 0) -> Iterator[tuple[str, object]]:
    """Draws edited copies of a tree.

    Args:
      tree: of JSON values.
      count: how many.
      seed: of the choice.

    Yields:
      what was done, and the copy.
    """
    draw = random.Random(seed)
    places = sorted(paths(tree), key=str)
    extremes = (*EXTREMES, deep(200))
    for _ in range(count):
        edited = copy.deepcopy(tree)
        *way, last = draw.choice(places)
        inner = edited
        for key in way:
            inner = inner[key]
        what = draw.choice(("replace",) * 8 + ("delete", "add"))
        if what == "replace":
            inner[last] = value = draw.choice(extremes)
            yield f"{(*way, last)} = {str(value)[:60]}", edited
        elif what == "delete":
            del inner[last]
            yield f"{(*way, last)} deleted", edited
        elif isinstance(inner, dict):
            inner[draw.choice(("extra", "x" * 300, "__class__", "self"))] = 1
            yield f"{(*way,)} gets an extra entry", edited
        else:
            inner.append(draw.choice(extremes))
            yield f"{(*way,)} grows", edited
