"""The table of all kinds of checkpoints, and the choice among them.

A kind lives in a module of its own, which defines `KIND` or `KINDS` out of `base.Kind`
and is named here.
"""

from typing import Any

from converters import errors
from converters.formats import (
    base,
    encoders,
    interfacegan,
    lpips,
    nvidia,
    regressors,
    rosinality,
    state_dicts,
    stylegan1_tf,
    stylegan3,
    vgg,
)
from converters.formats import embedders as recognizers
from converters.formats import stylegan2_tf as tensorflow

Kind = base.Kind

KINDS: tuple[Kind, ...] = (
    nvidia.KIND,
    stylegan3.KIND,
    tensorflow.KIND,
    stylegan1_tf.KIND,
    interfacegan.KIND,
    rosinality.KIND,
    state_dicts.KIND,
    *vgg.KINDS,
    lpips.KIND,
    *recognizers.KINDS,
    *regressors.KINDS,
    *encoders.KINDS,
)


# What the formats themselves call the averaged generator and the other two.
_ALIASES = {"Gs": "G_ema", "g_ema": "G_ema", "decoder": "G_ema", "g": "G", "d": "D"}


def names() -> str:
    """All kinds, for a message."""
    return ", ".join(repr(kind.name) for kind in KINDS)


def recognize(tree: Any) -> tuple[Kind, ...]:
    """The kinds that a tree may be of, by its content."""
    return tuple(kind for kind in KINDS if _is(kind, tree))


def _is(kind: Kind, tree: Any) -> bool:
    try:
        return bool(kind.recognize(tree))
    except Exception:  # a tree of another shape may fail in any way
        return False


def choose(tree: Any, name: str | None = None) -> Kind:
    """The kind of a tree.

    Args:
      tree: of a file.
      name: the kind that a person named; None to recognize it.

    Raises:
      ConversionError: no kind fits, several do, or the name is unknown.
    """
    if name is not None:
        for kind in KINDS:
            if kind.name == name:
                return kind
        raise errors.ConversionError(f"there is no kind {name!r}; the kinds: {names()}")
    found = recognize(tree)
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(repr(kind.name) for kind in found)
        raise errors.ConversionError(
            f"the content fits several kinds; name one of kind={several}"
        )
    raise errors.ConversionError(
        f"no known kind of checkpoint; name one if you know better: kind={names()}"
    )


def convert(
    tree: Any,
    kind: str | None = None,
    part: str | None = None,
    *,
    source: str = "<memory>",
) -> Any:
    """Makes a network out of a tree.

    Args:
      tree: what a file holds, or a state dict of arrays.
      kind: the layout; recognized by content if None.
      part: the network among several; the averaged generator by default.
      source: the file, for messages.

    Returns:
      The network, an `nnx.Module` in float32.

    Raises:
      ConversionError: says what is wrong, in which file, at which entry.
    """
    with errors.guard(source, doing="unexpected content"):
        chosen = choose(tree, kind)
        parts = chosen.parts(tree)
        if part is not None and part not in parts:
            part = _ALIASES.get(part, part)
        if part is not None and part not in parts:
            raise errors.ConversionError(
                f"there is no part {part!r}; the parts: {', '.join(map(repr, parts))}"
            )
        return chosen.build(tree, part)
