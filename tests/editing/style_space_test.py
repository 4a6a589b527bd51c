import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.editing import edits, style_space
from jax_encoder.editing.directions import Direction, DirectionError
from jax_encoder.latents import sampling
from jax_encoder.nn import stylegan2
from tests.experiments import tiny

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def generator():
    config = dataclasses.replace(tiny.GENERATOR, lr_multiplier=1.0)
    return tiny.make(stylegan2.StyleGAN2Generator, config, 0)


def _styles(generator, ws):
    """The styles of the convolutions, `[N, S]`; rows of w as the network takes them."""
    layers = generator.synthesis.affine_layers()
    rows = [0, 1, 2]  # of conv1 at 4 pixels, conv0 and conv1 at 8
    return jnp.concatenate(
        [layer(ws[:, k]) for layer, k in zip(layers, rows, strict=True)], axis=1
    )


def test_styles_move_by_the_offset_and_nothing_else(generator):
    assert style_space.widths(generator) == (8, 8, 8)
    ws = jnp.asarray(RNG.normal(size=(2, 4, 8)), jnp.float32)
    offset = RNG.normal(size=24).astype(np.float32)
    moved = style_space.moved(generator, offset)
    apart = _styles(moved, ws) - _styles(generator, ws)
    np.testing.assert_allclose(apart, np.broadcast_to(offset, (2, 24)), atol=1e-4)
    rgb = generator.synthesis.b8.torgb.affine.bias[...]
    np.testing.assert_array_equal(moved.synthesis.b8.torgb.affine.bias[...], rgb)
    assert not np.allclose(moved.synthesis(ws), generator.synthesis(ws))
    still = style_space.moved(generator, np.zeros(24))
    np.testing.assert_array_equal(still.synthesis(ws), generator.synthesis(ws))


def test_deviations_are_those_of_samples(generator):
    ws = sampling.draw(generator, jax.random.key(0), 5000)
    expected = np.asarray(_styles(generator, ws)).std(axis=0)
    found = style_space.deviations(generator, num_samples=5000)
    np.testing.assert_allclose(found, expected, rtol=1e-2)


def test_global_directions_are_those_of_the_source(generator):
    """The steps of StyleCLIP's `GetBoundary`, written out."""
    matrix, text = RNG.normal(size=(24, 5)), RNG.normal(size=5)
    spread = RNG.uniform(0.5, 2.0, 24)
    relevance = matrix @ text
    kept = relevance.copy()
    kept[np.abs(relevance) < 1.0] = 0
    expected = kept / np.abs(kept).max() * spread
    found = style_space.global_direction("t", matrix, text, spread, threshold=1.0)
    np.testing.assert_allclose(found.vector, expected, rtol=1e-5)
    assert 0 < (found.vector == 0).sum() < 24


def test_edits_of_styles_leave_codes_and_add_up():
    styles = Direction(name="t", vector=np.ones(24), space="s")
    smile = Direction(name="smile", vector=np.eye(8)[0])
    codes = RNG.normal(size=(2, 8)).astype(np.float32)
    alone = edits.Edit(parts=((styles, 2.0),))
    assert alone.spaces == frozenset()
    np.testing.assert_array_equal(alone.styles, np.full(24, 2.0))
    walked = edits.walk(codes, alone, [0.0, 1.0])
    np.testing.assert_array_equal(walked, np.repeat(codes[:, None], 2, axis=1))
    both = edits.Edit(parts=((styles, 1.0), (smile, 3.0)))
    moved = edits.walk(codes, both, [1.0])[:, 0] - codes
    np.testing.assert_allclose(moved, np.tile(3 * np.eye(8)[0], (2, 1)), atol=1e-6)
    assert edits.Edit(parts=((smile, 1.0),)).styles is None


def test_what_does_not_fit_is_refused(generator):
    with pytest.raises(DirectionError, match=r"must be \[24\] .*got \[23\]"):
        style_space.moved(generator, np.zeros(23))
    spread = np.ones(24)
    with pytest.raises(DirectionError, match=r"must be \[24, 5\].*got \[23, 5\]"):
        style_space.global_direction("t", np.ones((23, 5)), np.ones(5), spread)
    with pytest.raises(DirectionError, match="no style reaches the threshold 9"):
        style_space.global_direction(
            "t", np.ones((24, 5)), np.ones(5), spread, threshold=9.0
        )
