"""The documents: code cells run, commands name flags and files that exist."""

import importlib.util
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "BUILD.md"])
_CELL = re.compile(r"^```(python|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _cells(language):
    for page in PAGES:
        found = [m[2] for m in _CELL.finditer(page.read_text()) if m[1] == language]
        for index, text in enumerate(found):
            yield pytest.param(text, id=f"{page.stem}-{index}")


def _commands():
    """Every line that runs a binary: its name, and its flags with values."""
    for page in PAGES:
        for match in _CELL.finditer(page.read_text()):
            if match[1] != "sh":
                continue
            for line in match[2].replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:2] == ["python", "-m"] and words[2].startswith(
                    "experiments."
                ):
                    yield page.stem, words[2], tuple(words[3:])


COMMANDS = sorted(set(_commands()))


@pytest.mark.parametrize("cell", list(_cells("python")))
@pytest.mark.slow
def test_code_runs(cell, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", cell],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("module", sorted({module for _, module, _ in COMMANDS}))
def test_commands_name_binaries(module):
    assert importlib.util.find_spec(module), f"{module} is named and does not exist"


@pytest.mark.slow
@pytest.mark.parametrize("module", sorted({module for _, module, _ in COMMANDS}))
def test_commands_give_flags_that_exist(module):
    """A flag that no binary has must be the only one to be refused."""
    for page, name, words in COMMANDS:
        if name != module:
            continue
        result = subprocess.run(
            [sys.executable, "-m", module, *words, "--no_such_flag=1"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 2, f"{page}: {result.stderr}"
        assert "no_such_flag" in result.stderr, f"{page} {words}: {result.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http:", "https:")) and target != "api/index":
            assert (page.parent / target).exists(), f"{page.name}: {target}"
