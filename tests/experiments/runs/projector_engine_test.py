import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.runs import batches, projector_engine
from jax_encoder.inversion import batch_inverter, presets, projector, schedules, terms
from jax_encoder.inversion import colors as colors
from jax_encoder.inversion import state as states
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.io import images, progress
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan2

CONFIG = ProjectorConfig(
    num_steps=6,
    schedule=schedules.Constant(learning_rate=0.05),
    terms=(terms.Pixel(),),
    exploration=schedules.Exploration(),
    noise="optimize",
    micro_batch=2,
)

LPIPS = jax.tree_util.Partial(lambda a, b: jnp.mean(jnp.abs(a - b), (1, 2, 3)))


@pytest.fixture(scope="module")
def generator():
    config = stylegan2.StyleGAN2Config(
        resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
    )
    graphdef, state = nnx.split(
        nnx.eval_shape(lambda: stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0)))
    )
    rng = np.random.default_rng(0)
    fill = lambda x: jnp.asarray(rng.normal(size=x.shape), x.dtype)  # noqa: E731
    return nnx.merge(graphdef, jax.tree.map(fill, state))


def make_engine(generator, config=CONFIG, chunk=2, colors=None):
    found = statistics.LatentStatistics(w_avg=jnp.zeros(8), w_std=jnp.ones(()))
    inverter = batch_inverter.BatchInverter(
        models=states.Models(
            generator=generator, networks={"lpips": LPIPS}, statistics=found
        ),
        preset=presets.Preset(name="test", config=config),
        colors=colors,
        chunk=chunk,
    )
    return projector_engine.ProjectorEngine(
        inverter=inverter,
        start=lambda names: jnp.zeros(
            (1, *config.latent_space.shape(generator.config))
        ),
        details={"space": config.space},
    )


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    directory = tmp_path / "photos"
    directory.mkdir()
    for name in "abc":
        picture = rng.integers(0, 256, (8, 8, 3), np.uint8)
        images.write(directory / f"{name}.png", picture)
    return directory


def invert(photos, output, engine, **options):
    return batches.invert(
        images.find(photos),
        output,
        engine,
        batches.BatchOptions(batch_size=2, **options),
        progress.Progress(3, stream=io.StringIO()),
    )


def test_interrupted_and_resumed_codes_are_identical(photos, tmp_path, generator):
    whole, out = tmp_path / "whole", tmp_path / "out"
    rows = invert(photos, whole, make_engine(generator))
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["psnr"] > 0 and row["lpips"] > 0 for row in rows)

    class Stop(Exception):
        pass

    class Dying(projector_engine.ProjectorEngine):
        def iterate(self, targets, state):
            for count, result in enumerate(super().iterate(targets, state)):
                if count == 2:
                    raise Stop
                yield result

    engine = make_engine(generator)
    dying = Dying(**{k: getattr(engine, k) for k in engine.__dataclass_fields__})
    with pytest.raises(Stop):
        invert(photos, out, dying)
    saved = (out / ".resume" / "batch.npz").stat()
    assert saved.st_size > 0
    before = projector.advance_in_place._cache_size()
    invert(photos, out, make_engine(generator), resume=True)
    # Nothing was compiled again.
    assert projector.advance_in_place._cache_size() == before
    for name in "abc":
        with np.load(whole / f"{name}.npz") as a, np.load(out / f"{name}.npz") as b:
            for key in ("ws", "losses", "noise_00", "noise_02", "best_step"):
                np.testing.assert_array_equal(a[key], b[key], err_msg=key)
            assert a["losses"].shape == (6,)
            assert a["losses"][-1] < a["losses"][0]


def test_template_has_the_structure_of_the_state(generator):
    targets = np.zeros((2, 8, 8, 3), np.float32)
    for space in ("w+", "w", "z"):
        config = ProjectorConfig(space=space, terms=(terms.Pixel(),))
        engine = make_engine(generator, config)
        state, template = engine.init(targets, "ab"), engine.template(targets)
        assert jax.tree.structure(state) == jax.tree.structure(template)
        shapes = [[x.shape for x in jax.tree.leaves(t)] for t in (state, template)]
        assert shapes[0] == shapes[1]


def test_colors_are_moved_and_moved_back(generator):
    own = colors.Colors(mean=jnp.zeros((1, 3)), std=jnp.full((1, 3), 0.5))
    inverter = make_engine(generator, colors=own).inverter
    targets = np.random.default_rng(0).uniform(-0.3, 0.9, (2, 8, 8, 3))
    targets = jnp.asarray(targets, jnp.float32)
    moved = inverter.recolor(targets)
    np.testing.assert_allclose(moved.mean((1, 2)), np.zeros((2, 3)), atol=1e-6)
    np.testing.assert_allclose(moved.std((1, 2)), np.full((2, 3), 0.5), rtol=1e-5)
    back = inverter.recolor_back(moved, targets)
    np.testing.assert_allclose(back, targets, atol=1e-6)


def test_settings_tell_configurations_apart():
    json.dumps(projector_engine.describe(CONFIG))
    other = ProjectorConfig(terms=(terms.Pixel(distance="l1"),))
    assert projector_engine.describe(other) != projector_engine.describe(CONFIG)
    described = projector_engine.describe(CONFIG)
    assert described["terms"][0]["is"] == "Pixel"
    assert described["schedule"]["learning_rate"] == 0.05
