"""What is compiled ahead is what the run then uses."""

import dataclasses

import numpy as np
import pytest

from experiments import ahead, encoding, jobs
from jax_encoder.inversion import projector
from jax_encoder.io import images
from jax_encoder.latents import statistics
from tests.experiments import tiny


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Two pictures and a small generator, all in bundles."""
    place = tmp_path_factory.mktemp("ahead")
    generator, lpips = tiny.save(place)
    known = statistics.estimate(tiny.make_generator(), num_samples=100)
    statistics.save(known, place / "generator" / "statistics.npz")
    paths = [place / f"{name}.png" for name in "ab"]
    for path in paths:
        images.write(path, np.zeros((16, 16, 3), np.float32))
    return jobs.Job(
        paths=paths,
        output=place / "out",
        generator=generator,
        networks={"lpips": lpips},
        overrides={"num_steps": 3},
        has_reports=False,
    )


def test_the_run_finds_the_program_compiled(job, monkeypatch):
    before = projector.advance_in_place._cache_size()
    thread = ahead.start(job, 2)
    thread.join()
    lowered = []
    trace = projector._run

    def run(*arguments, **options):
        lowered.append(options["resolution"])
        return trace(*arguments, **options)

    monkeypatch.setattr(projector, "_run", run)
    monkeypatch.setattr(ahead, "start", lambda job, num: thread)
    encoding.run(job)
    assert projector.advance_in_place._cache_size() == before + 1
    assert not lowered


def test_what_shapes_do_not_tell_is_left_to_the_run(job, tmp_path):
    checkpoint = tmp_path / "weights.pt"
    checkpoint.write_bytes(b"no bundle")
    asked = {"generator": str(checkpoint)}
    for changes in (asked, {"networks": {"lpips": str(checkpoint)}}):
        changed = dataclasses.replace(job, **changes)
        assert ahead._engine(changed) is None
    broken = dataclasses.replace(job, preset="nothing of the kind")
    ahead.start(broken, 2).join()  # The run itself says so.
