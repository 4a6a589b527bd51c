"""Docstrings of public functions say the shapes of the arrays that they take.

That they exist and are whole is for ruff (rules D, Google's convention).
"""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent
FILES = sorted((ROOT / "jax_encoder").rglob("*.py"))
_ARRAY = re.compile(r"\b(jax\.Array|np\.ndarray|ArrayLike)\b")
# "[N, D]"; or a word for what has no shape of its own; or who tells it instead.
_SHAPE = re.compile(r"\[|shape|scalar|elementwise|likewise|any array|as `|\)`|see `")


def _public(path):
    """Every public function and method of a module, by its name."""
    for node in ast.parse(path.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else []
        for function in (node, *inner):
            names = [getattr(one, "name", "_") for one in (node, function)]
            is_public = not any(name.startswith("_") for name in names)
            if isinstance(function, ast.FunctionDef) and is_public:
                yield f"{path.relative_to(ROOT)}: {function.name}", function


def _arrays(function):
    """The names of arguments that are arrays; keys of random numbers have no shape."""
    arguments = function.args
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        kind = ast.unparse(one.annotation) if one.annotation else ""
        if _ARRAY.search(kind) and "Callable" not in kind and one.arg != "key":
            yield one.arg


def _says(text, name):
    """What a docstring says of an argument; all of it, if it has no list of them."""
    listed = re.search(r"^Args:\n((?:  .*\n?|\n)*)", text, re.MULTILINE)
    if not listed:
        return text
    entry = re.search(rf"^  {name}:(.*(?:\n    .*)*)", listed[1], re.MULTILINE)
    return entry[1] if entry else ""


def silent(path):
    """The arguments of a module's functions whose shapes nothing tells."""
    return [
        f"{where}({name})"
        for where, function in _public(path)
        for name in _arrays(function)
        if not _SHAPE.search(_says(ast.get_docstring(function) or "", name))
    ]


def test_every_array_has_a_shape():
    assert sum(1 for path in FILES for _ in _public(path)) > 500
    assert [place for path in FILES for place in silent(path)] == []


def test_a_missing_shape_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "module.py"
    path.write_text(
        'def f(x: jax.Array, y: jax.Array):\n    """Adds.\n\n    Args:\n'
        '      x: `[N]`.\n      y: numbers.\n    """\n'
    )
    assert silent(path) == ["module.py: f(y)"]
