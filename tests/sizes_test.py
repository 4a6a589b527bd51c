"""Binaries stay thin, functions short."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
BINARIES = sorted((ROOT / "experiments").glob("*.py"))


@pytest.mark.parametrize("path", BINARIES, ids=lambda path: path.stem)
def test_a_binary_only_asks_the_library(path):
    lines = path.read_text().splitlines()
    assert len(lines) < 100
    functions = [n for n in ast.parse("\n".join(lines)).body if hasattr(n, "args")]
    assert len(functions) <= 5
