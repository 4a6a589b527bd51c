"""A name means one thing: no two classes, no two modules share one."""

import ast
import collections
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("jax_encoder", "converters", "experiments")
# Commands are named for the person who types them, and nothing imports them.
COMMANDS = set((ROOT / "experiments").glob("*.py"))
FILES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def _twice(places):
    return {name: sorted(where) for name, where in places.items() if len(where) > 1}


def _classes(files):
    places = collections.defaultdict(list)
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path))
    return places


def _modules(files):
    places = collections.defaultdict(list)
    for path in files:
        if path.name not in ("__init__.py", "__main__.py") and path not in COMMANDS:
            places[path.stem].append(str(path))
    return places


@pytest.mark.parametrize("collect", [_classes, _modules])
def test_no_two_share_a_name(collect):
    places = collect(FILES)
    assert len(places) > 200
    assert not _twice(places)


def test_a_second_one_would_be_noticed(tmp_path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text("class _Same: pass\n")
    files = list(tmp_path.rglob("*.py"))
    assert list(_twice(_classes(files))) == ["_Same"]
    assert list(_twice(_modules(files))) == ["same"]
