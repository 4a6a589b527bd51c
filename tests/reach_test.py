"""Nothing lies around: something other than its own test reaches all there is."""

import ast
import collections
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("jax_encoder", "converters", "experiments", "fuzz")
# Named by a person, on a command line or in a program of theirs.
CALLED_BY_NAME = {
    "converters.writers.encoder_writer": "of a user's programs",
    "experiments.benchmarking.lowering": "what tests read device programs with",
    "experiments.benchmarking.peers.torch_stylegan3": "--reference",
    "experiments.corpus.ray_driver": "imported where Ray is",
    "experiments.racing.torch_projectors": "imported where PyTorch is",
    "fuzz.campaign": "python -m",
    "fuzz.kills": "python -m",
    "fuzz.seeds": "what tests make files of",
    "fuzz.hostile": "what tests make files of",
    "fuzz.hostile_readers": "what tests read those with",
}
_SHORT = r"[\w.:]{2,80}"
# The library's packages export all their modules; what is public there is a promise.
INNER = ("converters", "experiments", "fuzz")


def _modules():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


FILES = dict(_modules())


def _names(tree):
    """What a module mentions: names, attributes, and words in short texts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and re.fullmatch(_SHORT, str(node.value)):
            yield from re.split(r"[.:]", str(node.value))


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module")
def trees():
    return {name: ast.parse(path.read_text()) for name, path in FILES.items()}


def _is_command(name):
    is_binary = name.startswith("experiments.") and name.count(".") == 1
    return is_binary or FILES[name].name in ("__init__.py", "__main__.py")


def test_every_module_is_imported(trees):
    imported = {found for tree in trees.values() for found in _imports(tree)}
    alone = {
        name
        for name in FILES
        if name not in imported
        and not _is_command(name)
        and not name.startswith("jax_encoder.")
    }
    assert alone == set(CALLED_BY_NAME)


def _unreached(trees):
    mentioned = collections.Counter(n for tree in trees.values() for n in _names(tree))
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                is_inner = module.startswith(INNER) or node.name.startswith("_")
                if is_inner and not mentioned[node.name]:
                    yield f"{module}.{node.name}"


def test_every_function_and_class_is_used(trees):
    unreached = {
        name for name in _unreached(trees) if name.rpartition(".")[2] != "main"
    }
    assert {name.rpartition(".")[0] for name in unreached} <= set(CALLED_BY_NAME) | {
        "experiments.benchmarking.peers.torch_peers"  # --reference
    }


def test_a_leftover_would_be_noticed():
    tree = ast.parse("def used(): pass\ndef left(): used()\nclass _Left: pass")
    assert list(_unreached({"fuzz.x": tree})) == ["fuzz.x.left", "fuzz.x._Left"]
    assert list(_unreached({"jax_encoder.x": tree})) == ["jax_encoder.x._Left"]
