import json

import jax
import numpy as np
import pytest

from experiments.runs import reports, verdicts
from tests.experiments import toy_engine


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_ENCODER_CACHE", str(tmp_path / "cache"))


CHANCE = {"rmse": 0.6, "lpips": 0.5}


@pytest.fixture
def table():
    psnr = np.linspace(28.0, 34.0, 16)
    lpips = np.linspace(0.02, 0.06, 16)
    return verdicts.tabulate({"psnr": psnr, "lpips": lpips}, CHANCE)


def row(psnr, lpips, name="a", status="ok"):
    return {"name": name, "status": status, "psnr": psnr, "lpips": lpips}


def test_the_generators_own_pictures_are_good(table):
    for psnr, lpips in ((28.0, 0.06), (34.0, 0.02)):
        assert verdicts.judge(row(psnr, lpips), table) == "good"


def test_the_worse_error_counts(table):
    assert verdicts.judge(row(31.0, 0.15), table) == "fair"
    assert verdicts.judge(row(31.0, 0.3), table) == "poor"
    assert verdicts.judge(row(22.0, 0.03), table) == "fair"
    assert verdicts.judge(row(15.4, 0.03), table) == "poor"
    assert verdicts.judge(row(15.4, None), table) == "poor"


def test_what_diverged_is_poor_and_what_failed_has_none(table):
    assert verdicts.judge(row(30.0, 0.03, status="diverged"), table) == "poor"
    assert verdicts.judge({"name": "a", "status": "failed"}, table) == ""
    rows = verdicts.add([row(30.0, 0.03), {"name": "b", "status": "failed"}], table)
    assert [r.get("verdict") for r in rows] == ["good", None]
    assert "verdict" not in verdicts.add([row(30.0, 0.03)], None)[0]


def test_decibels():
    assert verdicts.rmse(0.0) == 2.0
    assert verdicts.rmse(20.0) == pytest.approx(0.2)


def test_tables_are_kept_in_the_bundle_or_the_cache(table, tmp_path):
    name = verdicts.key({"generator": "x", "seed": 1}, "y")
    assert name == verdicts.key({"generator": "x", "seed": 2, "crop": "none"}, "y")
    assert name != verdicts.key({"generator": "x"}, "z")
    assert verdicts.load(name, tmp_path) is None
    verdicts.save(table, name)
    assert verdicts.load(name, tmp_path) == table
    other = verdicts.tabulate({"psnr": np.full(3, 20.0)}, CHANCE)
    bundle = {"format": 1, "network": "x", "config": {}}
    (tmp_path / "config.json").write_text(json.dumps(bundle))
    verdicts.save(other, name, tmp_path)
    assert verdicts.load(name, tmp_path) == other


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"num": 3, "quantiles": {}}'])
def test_a_damaged_table_is_made_again(table, tmp_path, text):
    verdicts.save(table, "x.json")
    path = tmp_path / "cache" / "statistics" / "x.json"
    path.write_text(text)
    assert verdicts.load("x.json", tmp_path) is None
    assert not path.exists()


def test_pictures_are_measured_in_padded_batches():
    targets = (
        np.random.default_rng(0)
        .uniform(-1, 1, (5, toy_engine.SIDE, toy_engine.SIDE, 3))
        .astype(np.float32)
    )
    engine = toy_engine.ToyEngine()
    measured = verdicts.measure(engine, targets, 2)
    assert engine.sizes == [2, 2, 2]
    assert measured["psnr"].shape == (5,)
    alone = verdicts.measure(toy_engine.ToyEngine(), targets[4:], 8)
    np.testing.assert_allclose(measured["psnr"][4:], alone["psnr"], rtol=1e-5)


def test_the_last_line_names_the_worst(table):
    rows = [row(33.0, 0.02), row(16.0, 0.3, "b"), row(15.0, 0.4, "c")]
    text = reports.sentence(verdicts.add(rows, table), "out")
    assert "; 1 good, 2 poor, the worst c): out" in text
    assert reports.caption(verdicts.add(rows, table)[2]).startswith("poor  LPIPS")


def test_chance_is_the_error_of_another_picture():
    pictures = np.stack([np.full((4, 4, 3), x, np.float32) for x in (-1.0, 0.0, 1.0)])
    distance = jax.tree_util.Partial(lambda x, y: abs(x - y).mean(axis=(1, 2, 3)))
    found = verdicts.chance(pictures, distance)
    assert found == {"rmse": 1.0, "lpips": 1.0}


def test_a_generator_that_inverts_nothing_has_no_good_pictures_by_accident():
    table = verdicts.tabulate({"psnr": np.full(4, 10.0)}, {"rmse": 0.6})
    assert verdicts.judge(row(5.0, None), table) == "poor"
