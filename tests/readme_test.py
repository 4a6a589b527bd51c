"""What the README shows works: its Python, its binaries and their flags."""

import importlib
import json
import pathlib
import re
import subprocess
import sys

import pytest

README = (pathlib.Path(__file__).parent.parent / "README.md").read_text()


def _blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def _commands():
    text = "\n".join(_blocks("sh")).replace("\\\n", " ")
    return [line for line in text.splitlines() if "-m experiments." in line]


def test_the_python_example_runs_from_any_directory(capsys, monkeypatch, tmp_path):
    (example,) = _blocks("python")
    # Fewer steps than a person would want; every line is still executed.
    shorter = example.replace("num_steps=100", "num_steps=2")
    assert shorter != example
    assert len(example.split("\n\n", 1)[1].strip().splitlines()) <= 8
    monkeypatch.chdir(tmp_path)
    exec(compile(shorter, "README.md", "exec"), {})
    assert "(4, 10, 128)" in capsys.readouterr().out


def test_there_are_commands():
    assert len(_commands()) >= 3


NAMES = sorted({re.search(r"experiments\.(\w+)", c)[1] for c in _commands()})
# One process, for what all of them import takes most of the time; the flags of one
# binary are forgotten before the next is imported.
_FLAGS = """
import importlib, json, sys
from absl import flags

found = {}
for name in sys.argv[1:]:
    for module in [m for m in sys.modules if m.startswith("experiments")]:
        del sys.modules[module]
    for flag in list(flags.FLAGS):
        if flags.FLAGS.find_module_defining_flag(flag, "").startswith("experiments"):
            delattr(flags.FLAGS, flag)
    importlib.import_module(f"experiments.{name}")
    found[name] = list(flags.FLAGS)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def known():
    """The flags of every binary that a command of the README names."""
    run = [sys.executable, "-c", _FLAGS, *NAMES]
    root = pathlib.Path(__file__).parent.parent
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=root)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_the_binaries_know_the_flags(known, name):
    for command in _commands():
        if f"experiments.{name} " in command:
            assert set(re.findall(r"--(\w+)", command)) <= set(known[name]), command


def test_a_flag_of_another_binary_would_be_noticed(known):
    assert "directions" in known["edit"]
    assert "directions" not in known["encode_image"]


def test_every_binary_explains_itself():
    folder = pathlib.Path(__file__).parent.parent / "experiments"
    for path in sorted(folder.glob("*.py")):
        text = path.read_text()
        if "command_line.run(main)" in text:
            assert f"python -m experiments.{path.stem}" in text.split('"""')[1], path


def test_every_named_file_exists():
    root = pathlib.Path(__file__).parent.parent
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (root / target).exists(), target
    for module in re.findall(r"`experiments/(\w+)\.py`", README):
        importlib.import_module(f"experiments.{module}")
