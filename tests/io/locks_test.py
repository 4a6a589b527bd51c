"""Locks: exclusive, told, and gone with the process that held them."""

import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from jax_encoder.io import locks

_HOLDER = """
import sys, time
from jax_encoder.io import locks
with locks.hold(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=pathlib.Path(locks.__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_told_who_holds_it(tmp_path, holder):
    with pytest.raises(locks.LockedError) as caught, locks.hold(tmp_path):
        pass
    assert f"process {holder.pid} on" in str(caught.value)
    assert "choose another directory" in str(caught.value)
    with locks.hold(tmp_path, ".lock_1"):  # another name: another part of the run
        pass


def test_a_killed_holder_leaves_nothing_in_the_way(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".lock").exists()
    with locks.hold(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_garbage_lock_file_is_taken_over(tmp_path):
    (tmp_path / ".lock").write_bytes(b"\xff" * 10_000)
    with locks.hold(tmp_path):
        owner = (tmp_path / ".lock").read_text()
        assert str(os.getpid()) in owner
    assert list(tmp_path.iterdir()) == []


def test_one_of_many_wins(tmp_path):
    inside, most = [0], [0]
    lock = threading.Lock()

    def work():
        for _ in range(200):
            try:
                with locks.hold(tmp_path):
                    with lock:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with lock:
                        inside[0] -= 1
            except locks.LockedError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(OSError, match="Cannot write"), locks.hold(tmp_path / "absent"):
        pass
