"""StyleGAN1 checkpoints against the arrays of the reference implementation."""

import numpy as np
import pytest

import converters
from jax_encoder import latents

FIXTURES = {
    "sg1_interfacegan_r32": "stylegan.pth",
    "sg1_interfacegan_r128_auto": "stylegan.pth",
    "sg1_tf_r32": "network.pkl",
}


@pytest.fixture(params=FIXTURES, scope="module")
def case(request):
    """A generator and its reference arrays."""
    folder = request.path.parents[1] / "golden" / request.param
    generator = converters.load(folder / FIXTURES[request.param])
    with np.load(folder / "io.npz") as arrays:
        return generator, dict(arrays)


def assert_close(got, reference, tolerance=1e-4):
    """Compares NHWC with NCHW; stored slices and decimation are cut out of `got`."""
    got = np.moveaxis(np.asarray(got), 3, 1)
    got = got[: reference.shape[0], : reference.shape[1]]
    if got.shape != reference.shape:
        got = got[..., ::2, ::2]
    scale = np.abs(reference).max()
    np.testing.assert_allclose(got, reference, rtol=0, atol=tolerance * scale)


def test_mapping_and_truncation(case):
    generator, arrays = case
    for z in (arrays["z"], arrays["z_raw"]):
        w = np.asarray(generator.mapping(z))
        np.testing.assert_allclose(w, arrays["w"], rtol=0, atol=1e-4)
    ws = latents.broadcast(w, generator.config.num_ws)
    num_truncated = 4 if generator.config.z_dim == 64 else 8
    ws = latents.truncate(ws, generator.w_avg[...], 0.7, cutoff=num_truncated)
    np.testing.assert_allclose(ws, arrays["wp"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("case", "variant"),
    [*((name, "jit") for name in FIXTURES), ("sg1_interfacegan_r32", "eager")],
    indirect=True,
)
def test_every_layer(case, variant):
    generator, arrays = case

    def render(generator, ws):
        features = list(generator.synthesis.stages(ws))
        colors = [
            getattr(generator.synthesis, f"output{k // 2}")(x)
            for k, x in enumerate(features)
            if k % 2
        ]
        styles = [
            getattr(generator.synthesis, f"layer{k}").style_mod(ws[:, k])
            for k in range(len(features))
        ]
        return features, colors, styles

    features, colors, styles = variant(render)(generator, arrays["wp"])
    for k, x in enumerate(features):
        assert_close(x, arrays[f"feat/layer{k}"])
        if f"style_{k:02d}" in arrays:
            reference = arrays[f"style_{k:02d}"]
            np.testing.assert_allclose(styles[k], reference, rtol=0, atol=1e-4)
    for k, x in enumerate(colors[:-1]):
        assert_close(x, arrays[f"feat/output{k}"])
    assert_close(colors[-1], arrays["img"])


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(name, marks=[pytest.mark.slow] * ("r128" in name))
        for name in FIXTURES
    ],
    indirect=True,
)
def test_images(case):
    generator, arrays = case
    num_ws = generator.config.num_ws
    noise = [
        arrays[f"noise/synthesis.layer{k}.epilogue.apply_noise.noise"][0, 0]
        for k in range(num_ws)
    ]
    synthesis, ws = generator.synthesis, arrays["wp"]
    assert_close(synthesis(ws), arrays["img"])
    assert_close(synthesis(arrays["wplus"]), arrays["img_wplus"])
    flat = latents.broadcast(arrays["w"], num_ws)
    assert_close(synthesis(flat), arrays["img_w_notrunc"])
    assert_close(synthesis(ws, noise=noise), arrays["img_given_noise"])
    assert_close(synthesis(ws, noise="none"), arrays["img_zero_noise"])
    assert_close(synthesis(ws, lod=1), arrays["img_lod1"])
