"""Inverter: pictures of any number and size, batches, starts, labels, words."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jax_encoder.inversion import inverter, pivotal, presets, results, schedules, terms
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.io import images
from jax_encoder.latents import sampling, statistics
from jax_encoder.nn import small_encoder, stylegan2
from tests.inversion import stand_in

GENERATOR = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)
PRESET = presets.Preset(
    name="own",
    config=ProjectorConfig(
        num_steps=6,
        terms=(terms.Pixel(),),
        schedule=schedules.Constant(learning_rate=0.05),
    ),
)


@dataclasses.dataclass(frozen=True)
class Distance(stand_in.StandIn):
    """The stand-in, callable as LPIPS is."""

    def __call__(self, a, b):
        return self.distance(self.features(a), self.features(b))


jax.tree_util.register_dataclass(Distance)
PLAIN = stand_in.random()
LPIPS = Distance(PLAIN.kernel, PLAIN.bias)


@pytest.fixture(scope="module")
def generator():
    return stylegan2.StyleGAN2Generator(GENERATOR, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def made(generator):
    return inverter.Inverter(generator, PRESET, {"lpips": LPIPS}, batch_size=2)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (3, 12, 10, 3), np.uint8)


@pytest.fixture(scope="module")
def whole(made, pictures):
    return made.invert(pictures)


def test_pictures_of_any_number_and_size(made, pictures, whole):
    assert len(whole) == 3
    assert whole.ws.shape == whole.values.shape == (3, GENERATOR.num_ws, 8)
    assert whole.images.shape == whole.targets.shape == (3, 8, 8, 3)
    np.testing.assert_array_equal(whole.targets[1], images.fit(pictures[1], 8))
    assert set(whole.measures) == {"psnr", "lpips"}
    assert {name: rows.shape for name, rows in whole.curves.items()} == {
        "loss": (6, 3),
        "pixel": (6, 3),
    }
    assert (whole.curves["loss"][-1] < whole.curves["loss"][0]).all()
    assert [str(status) for status in whole.status] == ["done"] * 3
    # The last batch is filled up; so one picture alone gives what it gives there.
    alone = made.invert([pictures[2]])
    np.testing.assert_allclose(alone.ws[0], whole.ws[2], rtol=2e-4, atol=1e-5)


def test_chunks_give_what_the_whole_gives(made, whole):
    batch, targets = made.batch, whole.targets[:2]
    state = batch.init(targets)
    assert jax.tree.structure(state) == jax.tree.structure(batch.template(2))
    for latest, _ in batch.iterate(targets, state):
        state = latest
    found = batch.finish(targets, state)
    np.testing.assert_array_equal(found.ws, whole.ws[:2])


def test_codes_are_gone_on_with(made, pictures, whole):
    longer = made.invert(pictures, start=whole.ws)
    assert (longer.curves["loss"][0] <= whole.curves["loss"][-1] * 1.01).all()
    from_one = made.invert(pictures[:2], start=whole.ws[:1])
    first = made.invert(pictures[:1], start=whole.ws[:1])
    np.testing.assert_allclose(
        from_one.curves["loss"][0, 0], first.curves["loss"][0, 0], rtol=1e-5
    )
    with pytest.raises(ValueError, match="must be one code or 2"):
        made.invert(pictures[:2], start=np.zeros((2, 18, 512)))


def test_a_function_predicts_codes(made, pictures):
    def encode(targets):
        return jnp.zeros((len(targets), GENERATOR.num_ws, 8))

    ours = made.invert(pictures[:2], start=encode)
    zeros = made.invert(pictures[:2], start="zeros")
    np.testing.assert_array_equal(ours.ws, zeros.ws)


def test_the_encoder_s_codes_come_back_as_they_are(generator, pictures):
    shape = small_encoder.SmallEncoderConfig(
        num_ws=GENERATOR.num_ws, w_dim=8, widths=(4,), depths=(0,), input_size=(8, 8)
    )
    encoder = small_encoder.SmallEncoder(shape, rngs=nnx.Rngs(0))
    made = inverter.Inverter(generator, "encoder", {"encoder": encoder}, batch_size=2)
    found = made.invert(pictures[:2])
    fitted = np.stack([images.fit(x, 8) for x in pictures[:2]])
    np.testing.assert_allclose(found.ws, encoder(jnp.asarray(fitted)), atol=1e-6)
    with pytest.raises(ValueError, match=r"needs the networks \['encoder'\]"):
        inverter.Inverter(generator, "encoder")
    own = inverter.Inverter(generator, PRESET, batch_size=2)
    with pytest.raises(ValueError, match='To start from "encoder", give the network'):
        own.invert(pictures[:2], start="encoder")


def test_what_diverges_is_told_in_words(made, pictures):
    start = np.zeros((2, GENERATOR.num_ws, 8))
    start[1] = np.nan
    found = made.invert(pictures[:2], start=start)
    assert found.status[0] == results.DONE
    assert found.status[1].name == "diverged"
    assert "Lower the learning rate" in str(found.status[1])


def test_pivotal_tuning_follows_the_preset(generator, pictures):
    preset = dataclasses.replace(
        PRESET, pivotal=pivotal.PivotalConfig(num_steps=3, stop_below=0.0)
    )
    made = inverter.Inverter(generator, preset, {"lpips": LPIPS}, batch_size=2)
    found = made.invert(pictures)
    assert (found.measures["psnr"] > found.measures["pivot_psnr"]).all()
    np.testing.assert_array_equal(found.measures["tuning_steps"], [3, 3, 3])
    shown = found.tuned.generator(2).synthesis(jnp.asarray(found.ws[2:]))
    np.testing.assert_allclose(shown[0], found.images[2], atol=1e-4)


def test_colors_are_given_back(generator, pictures):
    made = inverter.Inverter(generator, PRESET, normalizes_colors=True, batch_size=2)
    found = made.invert(pictures[:2])
    assert found.colors.shape == (2, 2, 2, 3)
    moved = found.images.mean((1, 2)) - found.targets.mean((1, 2))
    assert np.abs(moved).max() < 0.5
    assert set(found.measures) == {"psnr"}


def test_classes_have_seeds_of_their_own(pictures):
    config = dataclasses.replace(GENERATOR, c_dim=2)
    generator = stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0))
    labels = jnp.eye(2)[jnp.array([1, 0, 1])]
    found = statistics.estimate(generator, num_samples=100, labels=labels[:1])
    made = inverter.Inverter(
        generator, PRESET.changed(space="z"), statistics=found, batch_size=3
    )
    with pytest.raises(ValueError, match="give `labels`"):
        made.invert(pictures)
    result = made.invert(pictures, labels=labels, start="seeds:16")
    values = jnp.asarray(result.values)
    np.testing.assert_allclose(
        result.ws, sampling.map_to_ws(generator, values, labels), atol=1e-5
    )
    assert len(made.batch._pools) == 2
    with pytest.raises(ValueError, match="give the `statistics` of the class"):
        inverter.Inverter(generator, PRESET)


def test_what_does_not_fit_is_refused(generator, made, pictures):
    with pytest.raises(
        ValueError, match=r"needs the networks \['lpips'\]: give them as"
    ):
        inverter.Inverter(generator, "default")
    with pytest.raises(ValueError, match="there are default"):
        inverter.Inverter(generator, "defualt")
    with pytest.raises(ValueError, match="`images` is empty"):
        made.invert([])
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\] or be uint8"):
        made.invert(pictures.astype(np.float32))
    with pytest.raises(ValueError, match="got 'averge'"):
        made.invert(pictures, start="averge")
    with pytest.raises(ValueError, match="the generator has no classes: leave"):
        made.invert(pictures, labels=jnp.ones((2, 4)))
