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


# Long for a reason: one formula of a kernel, phase by phase.
KERNELS = {("filtered_lrelu_phases.py", "_backward")}


def _num_lines(function):
    """Lines of a function, its documentation apart."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        text = function.body[0]
        lines -= text.end_lineno - text.lineno + 1
    return lines


@pytest.mark.parametrize("package", ["jax_encoder", "converters", "experiments"])
def test_functions_are_short(package):
    long = {
        (path.name, node.name)
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and _num_lines(node) > 40
    }
    assert long <= KERNELS
