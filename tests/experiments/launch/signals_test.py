"""Signals at any moment: one sentence, exit 130 or 143, no traceback."""

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[3]
_PROGRAM = """
import sys
from experiments.launch import signals
signals.install()
print("installed", flush=True)
import time
from absl import flags
from experiments.launch import command_line
flags.DEFINE_boolean("resume", False, "Go on.")

def main(argv):
    if "loop" in argv:
        with signals.saving():
            for step in range(1000):
                time.sleep(0.02)
                print("step", flush=True)
                signals.check()
    if "deaf" in argv:
        with signals.saving():
            print("deaf", flush=True)
            while True:
                try:
                    time.sleep(0.01)
                except BaseException:
                    pass
    if "swallow" in argv:
        print("swallow", flush=True)
        while True:
            try:
                sum(range(10_000_000))
            except BaseException:
                pass

command_line.run(main)
"""


@pytest.fixture
def start(tmp_path):
    path = tmp_path / "work.py"
    path.write_text(_PROGRAM)
    running = []

    def begin(*arguments, until):
        process = subprocess.Popen(
            [sys.executable, str(path), *arguments, "--compilation_cache_dir="],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        running.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == until:
                return process
        raise AssertionError(process.communicate())

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def end(process):
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert stderr.count("\n") == 1, stderr
    return process.returncode, stderr


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_loop_stops_where_its_state_is_saved(start, number, code):
    process = start("loop", until="step")
    process.send_signal(getattr(signal, number))
    assert end(process) == (
        code,
        "work: interrupted; the same command with --resume goes on from where it"
        " stopped.\n",
    )


def test_the_second_signal_leaves_at_once(start):
    process = start("deaf", until="deaf")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert end(process)[0] == 130


def test_nothing_swallows_a_signal(start):
    process = start("swallow", until="swallow")
    process.send_signal(signal.SIGINT)
    assert end(process)[0] == 130


def test_signals_while_everything_is_imported(start):
    draw = random.Random(0)
    for _ in range(4):
        process = start("loop", until="installed")
        time.sleep(draw.random())
        process.send_signal(signal.SIGINT)
        assert end(process)[0] == 130


def test_a_binary_is_covered_before_its_imports():
    code = "import sys; sys.argv = ['-m']; import experiments, signal;"
    code += "print(signal.getsignal(signal.SIGTERM).__module__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "experiments.launch.signals\n"


def test_a_signal_after_the_work_is_done_changes_nothing():
    """Python gives signals back to the system while it goes; -2 looked interrupted."""
    program = """
import atexit, os, signal
from experiments.launch import signals
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))  # runs last
signals.install()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
