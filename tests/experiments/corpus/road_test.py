"""The road of docs/corpora.md, as it is written, with fewer pictures."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from experiments.stores import stores

ROOT = pathlib.Path(__file__).parents[3]
NUM = 24


def _commands():
    text = (ROOT / "docs/corpora.md").read_text()
    for cell in re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield from cell.replace("\\\n", " ").splitlines()


@pytest.mark.slow
def test_every_command_of_the_road_runs(tmp_path):
    python = f"{sys.executable} -m"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": ""}
    for line in _commands():
        command = line.replace("python -m", python).replace("=600", f"={NUM}")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        print(f"$ {line}\n{done.stdout[-600:]}{done.stderr[-400:]}")  # noqa: T201
        if "--dry_run" in line:
            assert not (tmp_path / "corpus").exists()
    rows = [
        r
        for t in stores.read(tmp_path / "codes.parquet").batches()
        for r in t.column("id").to_pylist()
    ]
    assert len(set(rows)) == len(rows) == NUM
