"""What a file is: which kind, where in the file, and which networks it offers."""

import dataclasses
import itertools
from collections.abc import Sequence

from converters import conversion_errors
from converters.formats import checkpoint_layouts, unsupported, views

# What other programs call the averaged generator and the other two.
ALIASES = {
    **dict.fromkeys(("Gs", "g_ema", "generator_ema", "generator_smooth"), "G_ema"),
    **dict.fromkeys(("params_ema", "netG_ema", "model_ema", "decoder"), "G_ema"),
    **dict.fromkeys(("g", "generator", "netG", "params"), "G"),
    **dict.fromkeys(("d", "discriminator", "netD"), "D"),
}


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A network, or several of one layout, in a file.

    Attributes:
      view: where it is.
      kinds: what it may be; several where the content cannot tell.
    """

    view: views.View
    kinds: tuple[checkpoint_layouts.Kind, ...]

    @property
    def label(self) -> str:
        """What the wrapper calls it."""
        name = self.view.path[-1].rstrip(".") if self.view.path else ""
        return ALIASES.get(name, name)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a file is.

    Attributes:
      candidates: the networks at the least depth where any is known; empty if none is.
      layout: a layout that is known and not supported, or None.
    """

    candidates: tuple[Candidate, ...]
    layout: unsupported.UnsupportedLayout | None = None

    @property
    def kinds(self) -> tuple[checkpoint_layouts.Kind, ...]:
        """The kinds of the default network."""
        return self.candidates[0].kinds if self.candidates else ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The networks that can be asked for, the default first."""
        if len(self.candidates) > 1:
            return tuple(candidate.label for candidate in self.candidates)
        return _parts(self.candidates[0]) if self.candidates else ()


def find(tree: object, kinds: Sequence[checkpoint_layouts.Kind]) -> Finding:
    """Looks for networks of any kind, wrapped or not.

    Args:
      tree: what a file holds.
      kinds: all there are.
    """
    levels = list(views.views(tree))
    layout = unsupported.find(itertools.chain.from_iterable(levels))
    if layout is not None:
        return Finding((), layout)
    for level in levels:
        found = [Candidate(view, _recognized(view.tree, kinds)) for view in level]
        found = [candidate for candidate in found if candidate.kinds]
        if found:
            return Finding(tuple(sorted(_distinct(found), key=_rank)))
    return Finding(())


def find_named(
    tree: object,
    kind: checkpoint_layouts.Kind,
    kinds: Sequence[checkpoint_layouts.Kind],
) -> Finding:
    """Looks for the networks of the kind that a person named.

    Raises:
      ConversionError: there is none; says which entry is missing, and what the file is
        if that is known.
    """
    whole = None
    for level in views.views(tree):
        whole = whole or level[0]
        found = [Candidate(view, (kind,)) for view in level if not _lacks(kind, view)]
        if found:
            return Finding(tuple(sorted(_distinct(found), key=_rank)))
    assert whole is not None
    finding = find(tree, kinds)
    hint = ""
    if finding.layout:
        hint = f". It is {finding.layout.sentence}"
    elif finding.candidates:
        known = " or ".join(repr(other.name) for other in finding.kinds)
        hint = f". By its content it is {known}: leave kind out"
    lacking = _lacks(kind, whole)
    raise conversion_errors.ConversionError(
        f"this is no {kind.name!r} ({kind.description}): it lacks {lacking}{hint}"
    )


def choose(finding: Finding, part: str | None) -> tuple[Candidate, str | None]:
    """The candidate that holds a part, and the part's name there.

    Raises:
      ConversionError: there is no such part.
    """
    if len(finding.candidates) == 1:
        parts = _parts(finding.candidates[0])
        if part is None or part in parts:
            return finding.candidates[0], part
        if ALIASES.get(part) in parts:
            return finding.candidates[0], ALIASES[part]
    else:
        for candidate in finding.candidates:
            if part is None or candidate.label in (part, ALIASES.get(part)):
                return candidate, None
    raise conversion_errors.ConversionError(
        f"there is no part {part!r}; the parts: {', '.join(map(repr, finding.parts))}"
    )


def _distinct(found: list[Candidate]) -> list[Candidate]:
    """Every label once: a second network of the same name cannot be asked for."""
    return list({candidate.label: candidate for candidate in reversed(found)}.values())


def _rank(candidate: Candidate) -> tuple[int, str]:
    order = ("", "G_ema", "G")
    if candidate.label in order:
        return order.index(candidate.label), ""
    is_default = candidate.label != "D"
    return (len(order) + (not is_default), candidate.label)


def _recognized(
    tree: object, kinds: Sequence[checkpoint_layouts.Kind]
) -> tuple[checkpoint_layouts.Kind, ...]:
    return tuple(kind for kind in kinds if _is(kind, tree))


def _is(kind: checkpoint_layouts.Kind, tree: object) -> bool:
    try:
        return bool(kind.recognize(tree))
    except Exception:  # a tree of another shape may fail in any way
        return False


def _lacks(kind: checkpoint_layouts.Kind, view: views.View) -> str:
    try:
        return kind.missing(view.tree)
    except Exception:  # a tree of another shape may fail in any way
        return "entries of the usual shapes"


def _parts(candidate: Candidate) -> tuple[str, ...]:
    try:
        return candidate.kinds[0].parts(candidate.view.tree)
    except Exception:  # a tree of another shape may fail in any way
        return ()
