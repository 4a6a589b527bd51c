"""What `--help` of a binary prints: its purpose, then its flags in groups."""

import textwrap
from collections.abc import Mapping, Sequence

from absl import flags

Groups = Mapping[str, Sequence[str]]
"""Titles and the names of the flags below each, in the order in which to print them."""


def render(program: str, purpose: str, groups: Groups) -> str:
    """The help of a binary.

    Args:
      program: the name under which the binary's own flags are known.
      purpose: the documentation of the binary.
      groups: its flags; those in no group come last, as "Other flags".

    Returns:
      Lines of text.
    """
    own = flags.FLAGS.get_key_flags_for_module(program)
    by_name = {flag.name: flag for flag in own}
    grouped = {name for names in groups.values() for name in names}
    rest = sorted(by_name.keys() - grouped)
    title = "Other flags" if groups else "Flags"
    blocks = [purpose.strip()]
    for heading, names in [*groups.items(), (title, rest)]:
        shown = [_describe(by_name[name]) for name in names if name in by_name]
        if shown:
            blocks.append("\n".join([f"{heading}:", *shown]))
    blocks.append("--helpfull lists the flags of all libraries as well.")
    return "\n\n".join(blocks)


def _describe(flag: flags.Flag) -> str:
    """A flag in a line, and its help in as many as it takes."""
    head = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
    if values := getattr(flag.parser, "enum_values", None):
        head += f"={'|'.join(values)}"
    has_default = flag.default not in (None, "", []) and flag.default is not False
    default = f" (default: {_plain(flag.default)})" if has_default else ""
    text = textwrap.fill(f"{flag.help}{default}", 80)
    return textwrap.indent(head, "  ") + "\n" + textwrap.indent(text, "      ")


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
