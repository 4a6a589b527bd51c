import ast
import pathlib

import pytest
from absl import flags

from experiments.launch import flag_types

ROOT = pathlib.Path(__file__).parents[3] / "experiments"


@pytest.fixture
def parse():
    """Parses arguments with flags of its own."""

    def call(*arguments, kind, **bounds):
        values = flags.FlagValues()
        kind("x", None, "A flag.", flag_values=values, **bounds)
        values(["program", *arguments])
        return values.x

    return call


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "1e13", "x", ""])
def test_numbers_are_finite_and_bounded(parse, text):
    with pytest.raises(flags.Error, match="x"):
        parse(f"--x={text}", kind=flag_types.define_number)


@pytest.mark.parametrize("text", [str(2**31), "1.5", "nan", "-3000000000"])
def test_counts_are_whole_and_bounded(parse, text):
    with pytest.raises(flags.Error, match="x"):
        parse(f"--x={text}", kind=flag_types.define_integer)


def test_what_passes(parse):
    assert parse("--x=-1e-3", kind=flag_types.define_number) == -1e-3
    assert parse("--x=7", kind=flag_types.define_integer, lower_bound=7) == 7
    with pytest.raises(flags.Error, match="-10.*10|within|no less"):
        parse("--x=-11", kind=flag_types.define_number, lower_bound=-10.0)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: p.stem)
def test_every_number_flag_is_bounded(path):
    if path.name == "flag_types.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            message = f"{path}: define numbers by experiments.launch.flag_types"
            assert node.attr not in ("DEFINE_integer", "DEFINE_float"), message
