"""StyleGAN3 checkpoints against the arrays of the reference implementation."""

import jax
import numpy as np
import pytest

import converters
from jax_encoder import latents
from jax_encoder.nn import stylegan3

NAMES = ("sg3_t_r32", "sg3_r_r32_cond")


@pytest.fixture(params=NAMES, scope="module")
def case(request):
    """A checkpoint, its generator and the reference arrays."""
    folder = request.path.parents[1] / "golden" / request.param
    path = folder / "network.pkl"
    with np.load(folder / "io.npz") as arrays:
        return path, converters.load(path), dict(arrays)


def assert_close(got, reference, tolerance=1e-3):
    """Compares NHWC with NCHW; `reference` may hold the first channels only."""
    got = np.moveaxis(np.asarray(got), 3, 1)
    got = got[: reference.shape[0], : reference.shape[1]]
    scale = np.abs(reference).max()
    np.testing.assert_allclose(got, reference, rtol=0, atol=tolerance * scale)


def test_mapping_and_truncation(case):
    _, generator, arrays = case
    w = generator.mapping(arrays["z"], arrays.get("c"))
    ws = latents.broadcast(w, generator.config.num_ws)
    cutoff = int(arrays["truncation_cutoff"])
    w_avg = generator.w_avg[...]
    for name, got in {
        "ws": ws,
        "ws_psi07": latents.truncate(ws, w_avg, 0.7),
        "ws_psi07_cut": latents.truncate(ws, w_avg, 0.7, cutoff=cutoff),
        "ws_psi_neg": latents.truncate(ws, w_avg, -0.5),
    }.items():
        scale = np.abs(arrays[name]).max()
        np.testing.assert_allclose(got, arrays[name], rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize(
    ("case", "variant"),
    [
        *((name, "jit") for name in NAMES),
        ("sg3_t_r32", "eager"),
        pytest.param("sg3_r_r32_cond", "eager", marks=pytest.mark.slow),
    ],
    indirect=True,
)
def test_every_layer(case, variant):
    _, generator, arrays = case

    def render(generator, ws):
        return dict(generator.synthesis.stages(ws))

    features = variant(render)(generator, arrays["ws"])
    assert {f"feat/{n}" for n in features} == {n for n in arrays if "feat" in n}
    for name, x in features.items():
        assert_close(x, arrays[f"feat/{name}"])


def test_images_and_transforms(case):
    _, generator, arrays = case

    @jax.jit
    def render(generator, ws, transform):
        return generator.synthesis(ws, transform=transform)

    @jax.jit
    def enter(generator, ws, transform):
        return generator.synthesis.input(ws[:, 0], transform)

    none = generator.synthesis.input.transform[...]
    assert_close(render(generator, arrays["ws"], none), arrays["img"])
    assert_close(render(generator, arrays["ws_psi07"], none), arrays["img_psi07"])
    assert_close(render(generator, arrays["ws_plus"], none), arrays["img_ws_plus"])
    for name in ("translate", "rotate", "both"):
        transform = arrays[f"transform_{name}"]
        images = render(generator, arrays["ws"], transform)
        assert_close(images, arrays[f"img_transform_{name}"])
        x = enter(generator, arrays["ws"], transform)
        assert_close(x, arrays[f"input_transform_{name}"])


def test_filters_of_the_file_and_of_the_design(case):
    _, generator, arrays = case
    for spec in generator.config.layers[:-1]:
        layer = getattr(generator.synthesis, spec.name)
        for name in ("up_filter", "down_filter"):
            reference = arrays[f"filter/{spec.name}.{name}"]
            np.testing.assert_array_equal(getattr(layer, name)[...], reference)
            designed = getattr(stylegan3, name)(spec)
            np.testing.assert_allclose(designed, reference, rtol=0, atol=1e-6)


def test_discriminator_of_the_file(case):
    path, _, arrays = case
    discriminator = converters.load(path, part="D")
    images = np.moveaxis(arrays["d_image"], 1, 3)
    labels = arrays.get("d_c")
    judge = jax.jit(lambda network, images, labels: network(images, labels))
    logits = judge(discriminator, images, labels)
    scale = np.abs(arrays["d_logits"]).max()
    np.testing.assert_allclose(logits, arrays["d_logits"], rtol=0, atol=1e-4 * scale)
    first = None if labels is None else labels[:1]
    single = judge(discriminator, images[:1], first)
    np.testing.assert_allclose(
        single, arrays["d_logits_single"], rtol=0, atol=1e-4 * scale
    )
