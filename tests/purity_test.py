"""Algorithms return values: they write no files and print nothing."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent / "jax_encoder"
ALGORITHMS = (
    *("ops", "nn", "latents", "alignment", "inversion", "editing", "metrics"),
    *("training", "avatars"),
)
# What these are for is a kind of file.
FILES = {
    *("latents/statistics.py", "editing/direction_files.py"),
    *("training/checkpoints.py", "alignment/point_files.py"),
}
FUNCTIONS = {"open", "print", "input"}
METHODS = {
    *("open", "write", "write_text", "write_bytes", "write_json", "write_arrays"),
    *("save", "savez", "savez_compressed", "savetxt", "tofile", "dump", "mkdir"),
    *("makedirs", "make_directory", "unlink", "rename", "rmtree", "system", "Popen"),
    *("keep", "discard", "note", "seal"),
}


def _writes(tree):
    """Lines that call what writes or prints."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in FUNCTIONS:
            yield node.lineno
        # What is called must be a module's or an object's own, not a local function.
        if isinstance(called, ast.Attribute) and called.attr in METHODS:
            yield node.lineno


@pytest.mark.parametrize("package", ALGORITHMS)
def test_algorithms_write_nothing(package):
    paths = list((ROOT / package).rglob("*.py"))
    assert paths
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        lines = list(_writes(ast.parse(path.read_text())))
        assert not lines or name in FILES, (name, lines)


def test_a_write_would_be_noticed():
    source = "import numpy as np\nprint(1)\nnp.save('x', 1)\npath.write_text('')\n"
    assert list(_writes(ast.parse(source))) == [2, 3, 4]
