"""Every refusal is an `InputError`: a bare ValueError cannot be told from a defect."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent
# The pickle interpreter turns what its opcodes raise into a ConversionError itself.
_INNER = "converters/readers/"


def test_refusals_are_of_our_class():
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
        for package in ("jax_encoder", "converters", "experiments")
        for path in (ROOT / package).rglob("*.py")
        if not (name := path.relative_to(ROOT).as_posix()).startswith(_INNER)
        for text in [path.read_text()]
        for match in re.finditer(
            r"raise ValueError\(|^class (?!InputError)\w+\(ValueError\)", text, re.M
        )
    ]
    assert not found, f"raise InputError of jax_encoder.errors instead: {found}"
