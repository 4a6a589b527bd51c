"""Imports only go down: strictly, between named siblings too (DESIGN.md's layers)."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
# From the ground up. A package may import those before it, and itself.
ORDER = (
    "jax_encoder.errors",
    "jax_encoder.lazy",
    "jax_encoder.ops",
    "jax_encoder.nn",
    "jax_encoder.io",
    "jax_encoder.latents",
    "jax_encoder.alignment",
    "jax_encoder.metrics",
    "jax_encoder.inversion",
    "jax_encoder.editing",
    "jax_encoder.training",
    "jax_encoder.avatars",
    "jax_encoder",  # its front door: modules beside the packages
    "converters.conversion_errors",
    "converters.readers",
    "converters.formats",
    "converters.writers",
    "converters.zoo",
    "converters",
    "experiments.launch",
    "experiments.networks",
    "experiments.stores",
    "experiments.sharing",
    "experiments.comparing",
    "experiments.aligning",
    "experiments.runs",
    "experiments.editing",
    "experiments.corpus",
    "experiments.curating",
    "experiments.drawing",
    "experiments.training",
    "experiments.demo_set",
    "experiments.reproducing",
    "experiments.benchmarking",
    "experiments.racing",
    "experiments.studio_page",
    "experiments",  # the binaries
)


def _rank(module):
    """The place of the longest name in ORDER that the module lies under, or None."""
    matches = [name for name in ORDER if f"{module}.".startswith(f"{name}.")]
    return ORDER.index(max(matches, key=len)) if matches else None


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


def _module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path):
    module = _module(path)
    own = _rank(module)
    for imported in _imports(ast.parse(path.read_text())):
        rank = _rank(imported)
        if rank is not None:
            assert rank <= own, f"{module} imports {imported} of {ORDER[rank]}"


def test_every_package_has_a_place():
    packages = {_module(path.parent / "x.py").rpartition(".")[0] for path in FILES}
    named = {name for name in packages if name.count(".") == 1}
    assert named - {"jax_encoder.assets"} == set(ORDER) & named
    assert all((ROOT / name.replace(".", "/")).exists() for name in named)
