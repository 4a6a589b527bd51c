"""Two runs never write to one folder, whatever the binary."""

import subprocess
import sys

import pytest

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
