"""The demo generator's bundle ships the tables by which its pictures are judged."""

import pathlib

import pytest

from experiments.networks import resources
from experiments.runs import encoding, jobs, judging, verdicts
from jax_encoder.io import bundles

BUNDLE = resources.ASSETS / "avatars"


@pytest.fixture(scope="module")
def tables():
    found = {}
    for preset in ("default", "fast", "encoder"):
        job = jobs.InversionJob(paths=(), output=pathlib.Path(), preset=preset)
        name = judging.name(job, encoding.make_engine(job))
        # Made again by `experiments.latent_statistics --preset`.
        assert name in bundles.describe(BUNDLE)["files"], preset
        found[preset] = verdicts.load(name, BUNDLE)
    return found


def row(psnr, lpips):
    return {"name": "a", "status": "ok", "psnr": psnr, "lpips": lpips}


def test_verdicts_on_the_demos_own_pictures_on_renderings_and_on_photographs(tables):
    table = tables["default"]
    # What `experiments.demo` prints of its examples, and two photographs.
    assert verdicts.judge(row(51.1, 0.0001), table) == "good"
    assert verdicts.judge(row(37.6, 0.001), table) == "good"
    assert verdicts.judge(row(32.9, 0.004), table) == "fair"
    assert verdicts.judge(row(19.0, 0.2), table) == "poor"
    assert verdicts.judge(row(15.4, 0.3), table) == "poor"


def test_a_cheaper_preset_is_judged_by_what_it_reaches_itself(tables):
    errors = [
        tables[name].quantiles["rmse"]["0.5"] for name in ("default", "fast", "encoder")
    ]
    assert errors == sorted(errors)
    assert all(table.num == verdicts.NUM_PICTURES for table in tables.values())
