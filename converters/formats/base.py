"""What a converter of one kind of checkpoint provides."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One layout of checkpoints.

    The callables get the tree of `contents.Contents`, which is foreign input: check
    what you use. `recognize` may not raise; `build` raises ConversionError.

    Attributes:
      name: what `load(path, kind=...)` takes.
      description: one line for a person.
      recognize: whether the tree is of this kind; must look at a few names or shapes
        that no other kind has, and may be False for kinds that only a person can tell.
      parts: the networks in the tree, the default first; at least one.
      build: makes the network of one part (None: the default).
    """

    name: str
    description: str
    recognize: Callable[[Any], bool]
    parts: Callable[[Any], tuple[str, ...]]
    build: Callable[[Any, str | None], Any]
