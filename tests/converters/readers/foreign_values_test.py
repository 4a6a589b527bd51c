"""Readers use foreign values through the budget and `describe` only.

A bare `str`, `join`, `tuple`, `math.prod` or `np.asarray` of a value out of a file can
take any time and memory: the value may be shared a million times, hold itself, or be
two hundred megabytes of bytes. The functions that may are in `budget.py`.
"""

import ast
import pathlib

import pytest

READERS = pathlib.Path(__file__).parents[3] / "converters" / "readers"
FILES = sorted(p for p in READERS.glob("*.py") if p.stem not in ("__init__", "budget"))
CALLS = {"str", "repr", "ascii", "format", "tuple", "sorted", "print", "sum"}
METHODS = {
    ("math", "prod"),
    ("np", "asarray"),
    ("np", "array"),
    ("np", "zeros"),
    ("np", "empty"),
    ("np", "full"),
    ("np", "ndarray"),
    ("np", "frombuffer"),
    ("np", "prod"),
    ("np", "concatenate"),
}
TEXT_METHODS = {"join", "split", "rsplit", "splitlines", "format", "tolist", "tobytes"}
SAFE_IN_TEXT = {"len", "describe", "failure", "_brief"}
# Sizes of members that the archive's directory declares, already checked as integers.
ALLOWED = {
    ("zips.py", "sum"),
    ("zips.py", "split"),  # a member's name, of 64 KiB at most
    ("tensors.py", "sum"),  # of 32 products at most
}


def violations(path):
    tree = ast.parse(path.read_text())
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.Lambda):
            continue
        for node in ast.walk(function):
            name = _forbidden(node)
            if name and (path.name, name) not in ALLOWED:
                yield f"{path.name}:{node.lineno}: {name}"


def _forbidden(node):
    """The name of a call, or of a place in an f-string, that must not be; or None."""
    if isinstance(node, ast.Call):
        called = node.func
        if isinstance(called, ast.Name):
            return called.id if called.id in CALLS else None
        if isinstance(called, ast.Attribute):
            owner = called.value.id if isinstance(called.value, ast.Name) else ""
            if (owner, called.attr) in METHODS:
                return f"{owner}.{called.attr}"
            is_budget = ast.unparse(called.value).endswith("budget")
            if called.attr in TEXT_METHODS and not is_budget:
                return called.attr
    if isinstance(node, ast.FormattedValue) and not _is_safe(node):
        return f"{{{ast.unparse(node.value)}}}"
    return None


def _is_safe(node):
    """`{describe(x)}`, `{len(x)}`, `{CONSTANT}`, and `{x:d}`, which texts fail."""
    value = node.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in SAFE_IN_TEXT
    if isinstance(value, ast.Name) and value.id.isupper():
        return True
    if isinstance(node.format_spec, ast.JoinedStr):
        return ast.unparse(node.format_spec)[2:-1] in ("d", "s", "#04x")
    return False


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_foreign_values_are_charged_before_they_are_used(path):
    assert not list(violations(path))


@pytest.mark.parametrize(
    "line",
    [
        "return '/'.join(parts)",
        "return str(value)",
        "return f'{value}'",
        "return f'{value!r:.40}'",
        "return math.prod(shape)",
        "return np.asarray(value)",
        "return tuple(size)",
        "return value.split('x')",
    ],
)
def test_the_rule_finds_what_it_is_for(tmp_path, line):
    path = tmp_path / "reader.py"
    path.write_text(f"def read(value, parts, shape, size):\n    {line}\n")
    assert list(violations(path))
