"""The loop of all trainings: what it leaves behind, how it stops and goes on."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.launch import command_line
from experiments.training import training_loop
from jax_encoder.training import checkpoints
from tests.training import tiny_encoder as tiny

PROGRAM = pathlib.Path(__file__).with_name("tiny_training.py")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Walk:
    """A training that goes one step up at a time."""

    step: jax.Array
    weights: jax.Array


def start():
    return Walk(step=jnp.zeros((), jnp.int32), weights=jnp.zeros(2))


def run(directory, *, losses=(), weights=(), **pace):
    """Nine steps; some have a loss or a weight of their own."""
    looks = []

    def step(state, done):
        moved = dict(weights).get(done + 1, done + 1.0)
        loss = dict(losses).get(done + 1, 1.0)
        state = Walk(step=state.step + 1, weights=jnp.asarray([moved, 1.0]))
        return state, {"loss/walk": loss, "logits": np.nan}

    def look(state, log, done):
        looks.append(done)
        return {"height": float(state.weights[0])}

    found = training_loop.run(
        directory,
        start(),
        step,
        pace=training_loop.Pace(num_steps=9, **{"log_every": 50} | pace),
        batch_size=4,
        look=look,
    )
    return found, looks


def test_it_looks_saves_and_goes_on(tmp_path):
    state, looks = run(tmp_path, checkpoint_every=4, look_every=3, looks_first=True)
    assert looks == [0, 3, 4, 6, 8, 9]
    assert checkpoints.steps(tmp_path / "checkpoints") == [8, 9]
    again, looks = run(tmp_path, checkpoint_every=4)
    assert looks == []
    jax.tree.map(np.testing.assert_array_equal, again, state)


def test_it_stops_at_the_first_loss_that_is_not_finite(tmp_path):
    message = r"step 6: loss/walk is no longer finite.*step_4\. Lower --learning_rate"
    with pytest.raises(command_line.Failure, match=message):
        run(tmp_path, losses={6: np.nan, 7: np.nan}, checkpoint_every=4)
    assert checkpoints.steps(tmp_path / "checkpoints") == [4]


def test_it_stops_at_the_first_weight_that_is_not_finite(tmp_path):
    with pytest.raises(command_line.Failure, match=r"step 3: .*weights.*step_2"):
        run(tmp_path, weights={3: np.inf}, checkpoint_every=1)
    assert checkpoints.steps(tmp_path / "checkpoints") == [1, 2]


def _program(directory):
    return subprocess.Popen(
        [sys.executable, PROGRAM, directory],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[3])},
    )


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path):
    with _program(tmp_path / "whole") as process:
        process.communicate(timeout=500)
        assert process.returncode == 0
    killed = 0
    for step in (5, 13):
        with _program(tmp_path / "killed") as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(f"step {step}:"):
                    process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    assert killed == 2
    assert checkpoints.steps(tmp_path / "killed/checkpoints")[-1] < 20
    with _program(tmp_path / "killed") as process:
        process.communicate(timeout=500)
    like = tiny.start()[0]
    whole, resumed = (
        checkpoints.restore(tmp_path / name / "checkpoints", like, step=20)
        for name in ("whole", "killed")
    )
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)


@pytest.mark.slow
def test_memory_is_flat_over_five_hundred_steps():
    state, networks = tiny.start()
    state, _ = tiny.run(state, networks, 50)
    before = _resident()
    state, curve = tiny.run(state, networks, 500)
    assert np.isfinite(curve).all()
    assert _resident() - before < 16e6


def _resident() -> int:
    """Bytes of memory in use."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
