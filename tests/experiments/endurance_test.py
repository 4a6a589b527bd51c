"""Long runs: no step slower than another, no batch larger, nothing compiled again.

    XLA_FLAGS= pytest -m slow -s tests/experiments/endurance_test.py

On the demo generator, on as many processors as there are.
"""

import pathlib
import time

import numpy as np
import pytest

from experiments.networks import resources
from experiments.runs import encoding, jobs
from jax_encoder.inversion import projector
from jax_encoder.io import images

_STATM = pathlib.Path("/proc/self/statm")


@pytest.fixture(scope="module")
def pictures():
    paths = sorted((resources.ASSETS / "examples").glob("*.png"))
    return np.stack([images.read(path) for path in paths])


def make_engine(num_steps):
    job = jobs.InversionJob(
        paths=(), output=pathlib.Path(), overrides={"num_steps": num_steps}, chunk=20
    )
    return encoding.make_engine(job)


def run(engine, pictures):
    """The result, and the seconds of every chunk."""
    names = [str(index) for index in range(len(pictures))]
    state, seconds = engine.init(pictures, names), []
    start = time.perf_counter()
    for latest, _ in engine.iterate(pictures, state):
        state = latest
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    return engine.finish(pictures, state, len(pictures)), np.array(seconds)


@pytest.mark.slow
def test_a_late_step_takes_as_long_as_an_early_one(pictures):
    _, seconds = run(make_engine(1000), pictures[:1])
    chunks = seconds[1:]  # The first one compiles.
    slope, _ = np.polyfit(np.arange(len(chunks)), chunks, 1)
    drift, spread = slope * len(chunks), np.std(chunks)
    print(f"\nchunk {np.median(chunks):.3f} s, drift {drift:.3f}, spread {spread:.3f}")  # noqa: T201
    assert drift <= max(2 * spread, 0.1 * np.median(chunks))


@pytest.mark.slow
@pytest.mark.skipif(not _STATM.exists(), reason="Linux tells a process its memory.")
def test_memory_stays_flat_from_batch_to_batch(pictures):
    engine, held = make_engine(40), []
    for _ in range(15):
        run(engine, pictures)
        held.append(int(_STATM.read_text().split()[1]) * 4096 / 2**20)
        if len(held) == 1:
            num_programs = projector.advance_in_place._cache_size()
    print("\nMiB after every batch:", [round(size) for size in held])  # noqa: T201
    assert projector.advance_in_place._cache_size() == num_programs
    # The first batches still fill the allocator's pools.
    assert held[-1] <= 1.02 * held[4]
