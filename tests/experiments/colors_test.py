"""--normalize_colors on the demo generator: a dark, tinted picture of its own."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.networks import resources
from experiments.runs import encoding, jobs
from jax_encoder.inversion import presets, schedules, terms
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.io import codes, images

CONFIG = ProjectorConfig(
    space="w",
    num_steps=12,
    terms=(terms.Pixel(),),
    schedule=schedules.CosineRamps(learning_rate=0.2),
)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A picture of the generator, seen through dark blue glass."""
    source = resources.generator(None)
    z = jax.random.normal(jax.random.key(5), (1, source.network.config.z_dim))
    render = jax.jit(
        lambda g, z: g.synthesis(
            jnp.broadcast_to(
                g.mapping(z)[:, None], (1, g.config.num_ws, g.config.w_dim)
            )
        )
    )
    bright = np.asarray(render(source.network, z))[0].clip(-1, 1)
    dark = bright * [0.25, 0.3, 0.45] + [-0.7, -0.65, -0.35]
    path = tmp_path_factory.mktemp("photo") / "dark.png"
    images.write(path, dark.astype(np.float32))
    return path


def encode(photo, output, monkeypatch, **options):
    def changed(preset, **_):
        return dataclasses.replace(preset, config=CONFIG, coarse=())

    monkeypatch.setattr(presets.Preset, "changed", changed)
    job = jobs.InversionJob(paths=[photo], output=output, has_reports=False, **options)
    (row,) = encoding.run(job)
    return row


def test_a_dark_picture_is_found_and_comes_back_dark(photo, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plain = encode(photo, tmp_path / "plain", monkeypatch)
    moved = encode(photo, tmp_path / "moved", monkeypatch, normalize_colors=True)
    assert moved["psnr"] > plain["psnr"] + 3
    assert moved["lpips"] < 0.8 * plain["lpips"]
    target = images.read(photo)
    shown = images.read(tmp_path / "moved" / "dark.png")
    np.testing.assert_allclose(shown.mean((0, 1)), target.mean((0, 1)), atol=0.04)
    psnr = 10 * np.log10(4 / np.square(shown - target).mean())
    np.testing.assert_allclose(psnr, moved["psnr"], atol=0.2)
    own, generator = codes.load(tmp_path / "moved" / "dark.npz").arrays["colors"]
    np.testing.assert_allclose(own[0], target.mean((0, 1)), atol=1e-4)
    assert (generator[1] > own[1]).all()
    with pytest.raises(Exception, match="normalize_colors: False then, True now"):
        encode(
            photo,
            tmp_path / "plain",
            monkeypatch,
            normalize_colors=True,
            options=encoding.batches.BatchOptions(resume=True),
        )
