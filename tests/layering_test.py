"""Imports only go down (DESIGN.md's layers)."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
RANKS = {
    "jax_encoder.ops": 0,
    "jax_encoder.nn": 1,
    "jax_encoder.latents": 2,
    "jax_encoder.io": 2,
    "jax_encoder.alignment": 2,
    "jax_encoder.inversion": 3,
    "jax_encoder.editing": 3,
    "jax_encoder.metrics": 3,
    "jax_encoder.training": 3,
    "jax_encoder.avatars": 4,
    "converters": 5,
    "experiments": 6,
}


def _rank(module):
    matches = [r for name, r in RANKS.items() if f"{module}.".startswith(f"{name}.")]
    return matches[0] if matches else None


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FILES = sorted(
    path
    for package in ("jax_encoder", "converters", "experiments")
    for path in (ROOT / package).rglob("*.py")
)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    own = _rank(module)
    for imported in _imports(ast.parse(path.read_text())):
        rank = _rank(imported)
        if own is not None and rank is not None:
            assert rank <= own, f"{module} (layer {own}) imports {imported} ({rank})"


def test_every_layer_has_files():
    packages = {name for name in RANKS for p in FILES if _rank_name(p) == name}
    assert packages >= {"jax_encoder.ops", "jax_encoder.nn", "converters"}


def _rank_name(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return next((n for n in RANKS if f"{module}.".startswith(f"{n}.")), None)
