"""A space, a term, a prior, an optimizer and a schedule of a user's own, together."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jax_encoder.inversion import driver, optimizers, starts, state, terms
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.latents import spaces, statistics, styles
from jax_encoder.nn import stylegan2

GENERATOR = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)


@dataclasses.dataclass(frozen=True)
class Halves(spaces.Space):
    """One w for the first rows and one for the others."""

    def shape(self, config):
        return (2, config.w_dim)

    def to_ws(self, values, generator, statistics, labels=None):
        num_ws = generator.config.num_ws
        coarse, fine = (styles.broadcast(values[:, k], num_ws) for k in range(2))
        return styles.mix(coarse, fine, num_ws // 2)

    def from_ws(self, ws, statistics):
        half = ws.shape[1] // 2
        return jnp.stack([ws[:, :half].mean(1), ws[:, half:].mean(1)], axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Brightness(terms.ImageTerm):
    """How much lighter or darker a picture is."""

    weight: float = 1.0
    name: str = "brightness"

    def prepare(self, networks, images):
        return jnp.mean(images, axis=(1, 2, 3))

    def compare(self, networks, a, b):
        return jnp.square(a - b)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shrinkage(terms.Term):
    """The square of the code."""

    weight: float = 1e-4
    name: str = "shrinkage"

    def __call__(self, networks, prepared, rendering):
        return jnp.mean(jnp.square(rendering.ws), axis=(1, 2))


def _clipped(rate):
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))


@pytest.fixture(autouse=True)
def _own_names(monkeypatch):
    """Names given here are forgotten again: other tests ask for all there are."""
    monkeypatch.setattr(spaces, "_SPACES", dict(spaces._SPACES))
    monkeypatch.setattr(optimizers, "_OWN", dict(optimizers._OWN))


def test_they_work_together():
    spaces.register("halves", Halves())
    generator = stylegan2.StyleGAN2Generator(GENERATOR, rngs=nnx.Rngs(0))
    models = state.Models(
        generator=generator,
        networks={},
        statistics=statistics.estimate(generator, num_samples=100),
    )
    config = ProjectorConfig(
        space="halves",
        num_steps=60,
        terms=[terms.Pixel(), Brightness(), Shrinkage()],
        optimizer=_clipped,
        schedule=optax.cosine_decay_schedule(0.1, 60),
    )
    z = jax.random.normal(jax.random.key(1), (2, GENERATOR.z_dim))
    targets = generator.synthesis(starts.from_z(models, "w+", z))
    pool = starts.make_pool(models, config, num_seeds=16, side=8)
    best, _ = starts.nearest(models, pool, targets, config)
    start = starts.from_z(models, "halves", best)
    projection, curves = driver.project(
        models, targets, start, jax.random.key(2), config=config, chunk=30
    )
    assert projection.values.shape == (2, 2, 8)
    assert list(curves.by_name()) == ["loss", "pixel", "brightness", "shrinkage"]
    assert (curves["pixel"][-1] < 0.5 * curves["pixel"][0]).all()
    total = curves["pixel"] + curves["brightness"] + 1e-4 * curves["shrinkage"]
    np.testing.assert_allclose(curves["loss"], total, rtol=1e-5)
    half = GENERATOR.num_ws // 2
    np.testing.assert_array_equal(projection.ws[:, 0], projection.ws[:, half - 1])
    assert (projection.ws[:, 0] != projection.ws[:, -1]).any()


def test_names_are_taken_once():
    spaces.register("w", spaces.W())
    with pytest.raises(ValueError, match="'w' is W"):
        spaces.register("w", spaces.P())
    with pytest.raises(TypeError, match="subclass"):
        spaces.register("other", "w")
    optimizers.register("clipped", _clipped)
    config = ProjectorConfig(terms=(terms.Pixel(),), optimizer="clipped")
    assert config.make_optimizer().init(jnp.zeros(3))
    with pytest.raises(ValueError, match="'clipped' is"):
        optimizers.register("clipped", optax.adam)
