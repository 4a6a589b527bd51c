"""What the README shows works: its Python, its binaries and their flags."""

import importlib
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


@pytest.mark.parametrize(
    "name", sorted({re.search(r"experiments\.(\w+)", c)[1] for c in _commands()})
)
def test_the_binaries_know_the_flags(name):
    run = subprocess.run(
        [sys.executable, "-m", f"experiments.{name}", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    shown = set(re.findall(r"--(?:\[no\])?(\w+)", run.stdout))
    for command in _commands():
        if f"experiments.{name} " in command:
            assert set(re.findall(r"--(\w+)", command)) <= shown, command


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
