"""The table of all kinds of checkpoints, and the choice among them.

A kind lives in a module of its own, which defines `KIND` or `KINDS` out of
`checkpoint_layouts.Kind` and is named here.
"""

import dataclasses
from collections.abc import Mapping

from converters import conversion_errors
from converters.formats import (
    assign,
    checkpoint_layouts,
    clip_layouts,
    encoder_layouts,
    genforce,
    idinvert,
    interfacegan,
    lpips_layouts,
    nvidia,
    recognition,
    regressor_layouts,
    rosinality,
    state_dicts,
    stylegan1_tf,
    stylegan3_layouts,
    vgg_layouts,
)
from converters.formats import embedders as recognizers
from converters.formats import stylegan2_tf as tensorflow
from jax_encoder.nn import base

Kind = checkpoint_layouts.Kind

KINDS: tuple[Kind, ...] = (
    nvidia.KIND,
    stylegan3_layouts.KIND,
    stylegan3_layouts.STATE_DICT_KIND,
    tensorflow.KIND,
    stylegan1_tf.KIND,
    *interfacegan.KINDS,
    *genforce.KINDS,
    rosinality.KIND,
    state_dicts.KIND,
    *vgg_layouts.KINDS,
    *lpips_layouts.KINDS,
    *recognizers.KINDS,
    *clip_layouts.KINDS,
    *regressor_layouts.KINDS,
    *encoder_layouts.KINDS,
    idinvert.KIND,
)


def names() -> str:
    """All kinds, for a message."""
    return ", ".join(repr(kind.name) for kind in KINDS)


def find(tree: object) -> recognition.Finding:
    """What a tree is, wrapped or not."""
    return recognition.find(tree, KINDS)


def recognize(tree: object) -> tuple[Kind, ...]:
    """The kinds that a tree may be of, by its content."""
    return find(tree).kinds


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conversion:
    """A network, and how it was made.

    Attributes:
      network: an `nnx.Module` in float32.
      kind: the layout that it was read as.
      part: which network of the file it is; None for the default.
      assumed: the values that the file lacks, by name, as they were assumed.
    """

    network: base.Network
    kind: Kind
    part: str | None
    assumed: Mapping[str, object]


def convert(
    tree: object,
    kind: str | None = None,
    part: str | None = None,
    *,
    source: str = "<memory>",
) -> object:
    """Makes a network out of a tree; `convert_noting` without the notes.

    Raises:
      ConversionError: says what is wrong, in which file, at which entry.
    """
    return convert_noting(tree, kind, part, source=source).network


def convert_noting(
    tree: object,
    kind: str | None = None,
    part: str | None = None,
    *,
    given: Mapping[str, object] | None = None,
    source: str = "<memory>",
) -> Conversion:
    """Makes a network out of a tree, and notes what was assumed.

    Args:
      tree: what a file holds, or a state dict of arrays.
      kind: the layout; recognized by content if None.
      part: the network among several; the averaged generator by default.
      given: values that the file lacks, by name, instead of the usual ones.
      source: the file, for messages.

    Returns:
      The network and how it was made.

    Raises:
      ConversionError: says what is wrong, in which file, at which entry.
    """
    gaps = checkpoint_layouts.Gaps(given)
    with conversion_errors.guard(source):
        candidate, inner = recognition.choose(_finding(tree, kind), part)
        chosen = _single(candidate)
        if isinstance(candidate.view.tree, dict):
            assign.check_sharing(candidate.view.tree)
        form = f"its entries have other forms than those of {chosen.description!r}"
        with conversion_errors.guard(doing=form):
            try:
                network = chosen.build(candidate.view.whole(), inner, gaps)
            except (
                LookupError,
                StopIteration,
            ):  # tables name what they lack themselves
                raise conversion_errors.ConversionError(
                    f"{form}: some are missing"
                ) from None
        gaps.check_used()
    config = getattr(network, "config", None)
    if getattr(config, "w_avg_source", None) == "estimated":
        gaps.assumed["w_avg"] = "estimated from 10,000 random latents"
    return Conversion(
        network=network, kind=chosen, part=part, assumed=dict(gaps.assumed)
    )


def _finding(tree: object, name: str | None) -> recognition.Finding:
    """The networks of a file, of the kind that a person named if one did."""
    if name is not None:
        for kind in KINDS:
            if kind.name == name:
                return recognition.find_named(tree, kind, KINDS)
        raise conversion_errors.ConversionError(
            f"there is no kind {name!r}; the kinds: {names()}"
        )
    finding = find(tree)
    if finding.layout:
        raise conversion_errors.ConversionError(f"this is {finding.layout.sentence}")
    if not finding.candidates:
        raise conversion_errors.ConversionError(
            f"no known kind of checkpoint; name one if you know better: kind={names()}"
        )
    return finding


def _single(candidate: recognition.Candidate) -> Kind:
    """The one kind of a candidate."""
    first, *others = candidate.kinds
    if others:
        several = ", ".join(repr(kind.name) for kind in candidate.kinds)
        raise conversion_errors.ConversionError(
            f"the content fits several kinds; name one of kind={several}"
        )
    return first
