import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.io import bundles, codes, differences, files, finite, images
from jax_encoder.latents import statistics
from jax_encoder.training import checkpoints
from tests.experiments import tiny

NAN = np.float32("nan")


def test_what_passes():
    finite.check({"a": np.ones(3), "b": [1, "text", None, True]}, "x")
    finite.check({"key": jax.random.key(0), "i": jnp.arange(3)}, "x")
    finite.check(np.zeros((0, 3)), "x")


@pytest.mark.parametrize("kind", [np.float32, np.float16, jnp.bfloat16, np.complex64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_does_not(kind, bad):
    array = np.ones(3).astype(kind)
    array[1] = bad
    with pytest.raises(finite.NotFiniteError, match=r"x: not .* 1 of 2 .*a\.b.*rate"):
        finite.check({"a": {"b": array}, "c": np.ones(2)}, "x")


def _broken_generator():
    generator = tiny.make_generator()
    generator.w_avg[...] = generator.w_avg[...] * np.nan
    return generator


def _difference(place):
    broken, whole = _broken_generator(), tiny.make_generator()
    differences.save(broken, whole, place, parent_sha256="0")


WRITERS = {
    "picture": lambda p: images.write(f"{p}.png", np.full((4, 4, 3), NAN)),
    "code": lambda p: codes.save(p, np.full((2, 3), NAN), space="w+"),
    "noise": lambda p: codes.save(
        p, np.ones((2, 3)), space="w+", arrays={"noise_00": np.full(3, NAN)}
    ),
    "array": lambda p: codes.save_array(p, np.full((2, 3), NAN)),
    "arrays": lambda p: files.write_arrays(p, {"a": np.array([np.inf])}),
    "bundle": lambda p: bundles.save(_broken_generator(), p),
    "difference": _difference,
    "checkpoint": lambda p: checkpoints.save(p, 3, {"w": np.array([NAN])}),
    "statistics": lambda p: statistics.save(
        statistics.LatentStatistics(w_avg=jnp.ones(3), w_std=jnp.asarray(NAN), p=None),
        p,
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_no_writer_writes_what_is_not_finite(tmp_path, name):
    with pytest.raises(finite.NotFiniteError):
        WRITERS[name](pathlib.Path(tmp_path / "x"))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_bundle_that_overflows_in_half_precision(tmp_path):
    generator = tiny.make_generator()
    generator.w_avg[...] = generator.w_avg[...] * 0 + 1e20
    with pytest.raises(finite.NotFiniteError, match="w_avg"):
        bundles.save(generator, tmp_path / "x", dtype="float16")
    bundles.save(generator, tmp_path / "x")


def test_a_good_checkpoint_is_never_replaced_by_a_broken_one(tmp_path):
    checkpoints.save(tmp_path, 1, {"w": np.ones(2)}, num_kept=1)
    with pytest.raises(finite.NotFiniteError):
        checkpoints.save(tmp_path, 2, {"w": np.full(2, NAN)}, num_kept=1)
    assert checkpoints.steps(tmp_path) == [1]


def test_losses_of_a_diverged_inversion_may_be_nan(tmp_path):
    losses = {"losses": np.array([1.0, NAN])}
    codes.save(tmp_path / "a", np.ones((2, 3)), space="w+", arrays=losses)
    assert np.isnan(codes.load(tmp_path / "a.npz").arrays["losses"][1])
