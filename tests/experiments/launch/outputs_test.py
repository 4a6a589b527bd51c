"""Two runs never write to one folder, whatever the binary."""

import pathlib
import re
import subprocess
import sys

import pytest

import experiments
from experiments.launch import outputs
from jax_encoder.io import locks

_OTHER = """
import sys
from experiments.launch import outputs
print(outputs.claim(sys.argv[1]), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _free():
    yield
    outputs.release()


def test_a_folder_is_held_until_the_other_process_ends(tmp_path):
    target = tmp_path / "new"
    command = [sys.executable, "-c", _OTHER, str(target)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == str(target)
        with pytest.raises(locks.LockedError, match=f"process {other.pid}"):
            outputs.claim(target)
        other.kill()
        other.wait()
    assert outputs.claim(target) == target


def test_a_run_claims_its_folder_as_often_as_it_likes(tmp_path):
    outputs.claim(tmp_path)
    outputs.claim(f"{tmp_path}/.")
    assert (tmp_path / ".lock").exists()
    outputs.release()
    assert not (tmp_path / ".lock").exists()


def test_every_binary_holds_the_folder_that_it_writes_to():
    """By what it calls; those that resume hold theirs where the work is done."""
    holders = r"outputs\.claim|render_flags\.directory|training_runs\.run"
    holders += r"|encoding(_flags)?\.|drawing_run\.|evaluation_report|finding_task"
    root = pathlib.Path(experiments.__file__).parent
    loose = [
        path.stem
        for path in root.glob("*.py")
        if "_OUTPUT_DIR" in (text := path.read_text())
        if not re.search(holders, text)
    ]
    # A corpus is shared by many processes, which agree by leases; a bundle is one thing
    # that appears whole.
    assert set(loose) <= {"encode_corpus", "convert"}
