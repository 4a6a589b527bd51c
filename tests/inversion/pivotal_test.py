"""Pivotal tuning: the locality regularizer, the loop, what is tuned."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import converters
from jax_encoder.inversion import pivotal, state
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan2
from tests.inversion import stand_in

CONFIG = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)


@pytest.fixture(scope="module")
def io(golden_path):
    with np.load(golden_path / "algo_pti_locality" / "io.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def recorded(golden_path, io):
    path = golden_path / "sg2ada_skip_r32" / "network.pkl"
    original = converters.load(path, part="G_ema")
    models = state.Models(
        generator=original,
        networks={"lpips": stand_in.from_fixture(io)},
        statistics=statistics.estimate(original, num_samples=10),
    )
    return models, converters.load(path, part="G")


_locality = jax.jit(pivotal.locality, static_argnames="config")


@pytest.mark.parametrize("alpha", [30, 5])
def test_morph_equals_the_reference(io, alpha):
    morphed = pivotal.morph(
        jnp.asarray(io["w_new"]), jnp.asarray(io["w_pivot"]), float(alpha)
    )
    np.testing.assert_allclose(morphed, io[f"morphed_alpha{alpha}"], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "num_samples", "perceptual"),
    [
        ("ball_l2_0.1_lpips_0.0", 2, 0.0),
        ("ball_l2_0.1_lpips_0.1", 2, 0.1),
        ("ball_1sample", 1, 0.0),
    ],
)
def test_locality_equals_the_reference(io, recorded, name, num_samples, perceptual):
    models, tuned = recorded
    config = pivotal.PivotalConfig(
        locality_pixel_weight=0.1, locality_perceptual_weight=perceptual
    )
    z = jnp.asarray(io["z"][:num_samples], jnp.float32)
    pivot = jnp.asarray(io["w_pivot"])
    loss = _locality(tuned, models, pivot, z, config)
    np.testing.assert_allclose(loss, io[name], rtol=1e-4)


def test_gradient_of_locality_equals_the_reference(io, recorded):
    models, tuned = recorded
    config = pivotal.PivotalConfig(locality_perceptual_weight=0.0)
    z = jnp.asarray(io["z"][:1], jnp.float32)
    graphdef, chosen, rest = pivotal.split(tuned, "synthesis.*")

    def loss(chosen):
        generator = nnx.merge(graphdef, chosen, rest)
        return pivotal.locality(
            generator, models, jnp.asarray(io["w_pivot"]), z, config
        )

    gradient = nnx.to_pure_dict(jax.jit(jax.grad(loss))(chosen))["synthesis"]
    const = np.asarray(gradient["b4"]["const"]).transpose(2, 0, 1)
    scale = np.abs(io["grad_const"]).max()
    np.testing.assert_allclose(const, io["grad_const"], atol=1e-3 * scale)
    torgb = np.asarray(gradient["b32"]["torgb"]["weight"]).transpose(3, 2, 0, 1)
    scale = np.abs(io["grad_torgb_weight"]).max()
    np.testing.assert_allclose(torgb, io["grad_torgb_weight"], atol=1e-3 * scale)


@pytest.fixture(scope="module")
def task():
    """A generator, and pictures that another generator made of the same codes."""
    generator = stylegan2.StyleGAN2Generator(CONFIG, rngs=nnx.Rngs(0))
    other = stylegan2.StyleGAN2Generator(CONFIG, rngs=nnx.Rngs(1))
    models = state.Models(
        generator=generator,
        networks={"lpips": stand_in.random()},
        statistics=statistics.estimate(generator, num_samples=10),
    )
    ws = jax.random.normal(jax.random.key(2), (2, CONFIG.num_ws, CONFIG.w_dim))
    return models, ws, jnp.clip(other.synthesis(ws), -1, 1)


OPTIONS = pivotal.PivotalConfig(num_steps=15, learning_rate=0.01, stop_below=0.0)


def test_every_picture_has_its_own_generator(task):
    models, ws, targets = task
    key = jax.random.key(0)
    tuning = pivotal.tune(models, ws, targets, key, config=OPTIONS)
    assert tuning.perceptual.shape == (15, 2)
    assert (tuning.perceptual[-1] < 0.7 * tuning.perceptual[0]).all()
    # Beside another picture, in the same program; alone it would be compiled anew.
    index = jnp.asarray([1, 1])
    alone = pivotal.tune(models, ws[index], targets[index], key, config=OPTIONS)
    np.testing.assert_allclose(alone.images[1], tuning.images[1], atol=1e-4)
    tuned = pivotal.tuned_generator(models.generator, tuning, OPTIONS, index=1)
    np.testing.assert_allclose(tuned.synthesis(ws[1:])[0], tuning.images[1], atol=1e-4)
    untouched = models.generator.synthesis(ws)
    assert jnp.max(jnp.abs(untouched - tuning.images)) > 0.1


def test_a_picture_stops_at_the_threshold(task):
    models, ws, targets = task
    options = dataclasses.replace(OPTIONS, stop_below=1e9)
    tuning = pivotal.tune(models, ws, targets, jax.random.key(0), config=options)
    np.testing.assert_array_equal(tuning.num_steps, 0)
    assert np.isnan(tuning.perceptual[1:]).all()  # nothing more was computed
    np.testing.assert_allclose(tuning.images, models.generator.synthesis(ws), atol=1e-5)


def test_one_generator_for_all_and_only_what_is_named(task):
    models, ws, targets = task
    options = dataclasses.replace(
        OPTIONS, shares_weights=True, tuned=r"synthesis\..*torgb", locality_weight=1.0
    )
    tuning = pivotal.tune(models, ws, targets, jax.random.key(0), config=options)
    tuned = pivotal.tuned_generator(models.generator, tuning, options)
    np.testing.assert_array_equal(
        tuned.synthesis.b4.const[...], models.generator.synthesis.b4.const[...]
    )
    old = models.generator.synthesis.b8.torgb.weight[...]
    assert jnp.max(jnp.abs(tuned.synthesis.b8.torgb.weight[...] - old)) > 0.01
    assert tuning.pixel[-1].mean() < tuning.pixel[0].mean()


def test_unknown_paths_are_refused(task):
    with pytest.raises(ValueError, match="No parameter's path matches 'decoder'"):
        pivotal.split(task[0].generator, "decoder")
