"""Checkpoints: whole or not at all."""

import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.training import checkpoints

ROOT = pathlib.Path(checkpoints.__file__).parents[2]
WRITER = textwrap.dedent("""
    import sys
    import numpy as np
    from jax_encoder.training import checkpoints
    for step in range(1, 1000):
        state = {"big": np.full((6_000_000,), step, np.float32), "step": step}
        checkpoints.save(sys.argv[1], step, state)
""")


def _state(value):
    return {"weights": jnp.full((3, 2), value), "count": jnp.asarray(7), "rate": 0.5}


def test_restores_what_was_saved(tmp_path):
    checkpoints.save(tmp_path, 5, _state(1.5))
    restored = checkpoints.restore(tmp_path, _state(0.0))
    np.testing.assert_array_equal(restored["weights"], np.full((3, 2), 1.5))
    assert restored["count"].dtype == jnp.int32
    assert restored["rate"] == 0.5


def test_keeps_the_last_ones_and_restores_the_one_asked_for(tmp_path):
    for step in (1, 2, 10):
        checkpoints.save(tmp_path, step, _state(float(step)), num_kept=2)
    assert checkpoints.steps(tmp_path) == [2, 10]
    restored = checkpoints.restore(tmp_path, _state(0.0), step=2)
    assert float(restored["weights"][0, 0]) == 2.0
    assert float(checkpoints.restore(tmp_path, _state(0.0))["weights"][0, 0]) == 10.0


def test_another_training_is_refused_with_all_differences(tmp_path):
    checkpoints.save(tmp_path, 1, _state(1.0))
    other = {"weights": jnp.zeros((4, 2)), "more": jnp.zeros(2), "rate": 0.1}
    with pytest.raises(checkpoints.CheckpointError) as error:
        checkpoints.restore(tmp_path, other)
    for part in ("missing: more", "unused: count", "weights is (3, 2), not (4, 2)"):
        assert part in str(error.value)


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(checkpoints.CheckpointError, match="no checkpoint"):
        checkpoints.restore(tmp_path, _state(0.0))


def test_a_kill_while_writing_leaves_the_last_whole_checkpoint(tmp_path):
    for name in map(str, range(5)):  # A kill that comes too late proves nothing.
        place = tmp_path / name
        _kill_while_writing(place)
        if _is_writing(place):
            break
    else:
        pytest.fail("Each was killed too late to prove anything.")
    last = checkpoints.steps(place)[-1]
    like = {"big": np.zeros(6_000_000, np.float32), "step": 0}
    restored = checkpoints.restore(place, like)
    assert restored["step"] == last
    np.testing.assert_array_equal(restored["big"], np.float32(last))
    # And the training goes on over what the kill left behind.
    checkpoints.save(place, last + 1, restored)
    assert checkpoints.steps(place)[-1] == last + 1


def _kill_while_writing(place):
    command = [sys.executable, "-c", WRITER, str(place)]
    writer = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + 120.0
    try:
        while not (place.is_dir() and checkpoints.steps(place) and _is_writing(place)):
            assert time.monotonic() < deadline, "The writer wrote nothing."
            assert writer.poll() is None, "The writer stopped."
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()


def _is_writing(directory):
    names = {path.name for path in directory.iterdir()}
    whole = {f"step_{step}" for step in checkpoints.steps(directory)}
    return bool(names - whole)
