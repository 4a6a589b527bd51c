import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import converters
from jax_encoder.latents import paths
from jax_encoder.metrics import editing_consistency, path_length


@pytest.fixture
def io(golden):
    with np.load(golden / "algo_ppl" / "io.npz") as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def generator(request):
    golden = request.path.parent.parent / "golden"
    return converters.load(golden / "sg2ada_skip_r32" / "network.pkl")


def stand_in(network, images, others):
    """Squared distance of the features that stand in for a perceptual network."""
    kernel, bias = network
    features = []
    for x in (images, others):
        x = jax.lax.conv_general_dilated(
            x,
            kernel,
            (2, 2),
            ((1, 1), (1, 1)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        x = x + bias[None, None, None]
        x = jnp.maximum(x, 0.2 * x).reshape(len(x), -1)
        features.append(x / x.shape[1] ** 0.5)
    return jnp.sum(jnp.square(features[0] - features[1]), axis=1)


CASES = [
    ("z_full", 1e-2, False),
    ("z_end", 1e-4, False),
    ("w_full", 1e-2, True),
    ("w_full", 1e-4, False),
    ("w_end", 1e-2, False),
]


@pytest.mark.parametrize(("name", "epsilon", "crop"), CASES)
def test_path_lengths_of_the_reference(io, generator, name, epsilon, crop):
    space, sampling = name.split("_")
    config = path_length.PathLengthConfig(
        space=space, sampling=sampling, epsilon=epsilon, crop=crop
    )
    z = io[f"rand_{name}/001"]
    kernel = io["feat_kernel"].transpose(2, 3, 1, 0)
    lengths = path_length.path_lengths(
        generator,
        (kernel, io["feat_bias"]),
        (z[:4], z[4:]),
        io[f"rand_{name}/000"],
        distance=stand_in,
        config=config,
        noise=[io[f"rand_{name}/{k:03d}"] for k in range(2, 9)],
    )
    expected = io[f"dist/{name}_{epsilon:g}" + ("_crop" if crop else "")]
    # At 1e-4 the difference of two float32 pictures has few digits left.
    np.testing.assert_allclose(lengths, expected, rtol=1e-3 if epsilon > 1e-3 else 5e-2)


def test_slerp_of_the_reference(io):
    with jax.enable_x64(True):
        found = paths.slerp(io["slerp_a"], io["slerp_b"], io["slerp_t"])
        np.testing.assert_allclose(found, io["slerp"], rtol=1e-12, atol=1e-14)


def test_slerp_from_a_point_to_itself_stays_there():
    a = np.float32([[3.0, 4.0]])
    np.testing.assert_allclose(
        paths.slerp(a, a, np.float32([[0.5]])), [[0.6, 0.8]], rtol=1e-6
    )


def test_outliers_are_left_out_as_in_the_reference(io):
    found = path_length.mean_path_length(io["dist_list"])
    np.testing.assert_allclose(found, io["ppl_from_list"], rtol=1e-6)


def test_samples_are_repeatable_and_as_many_as_asked(io, generator):
    options = {
        "distance": stand_in,
        "config": path_length.PathLengthConfig(epsilon=1e-2),
        "num_samples": 5,
        "batch_size": 2,
    }
    network = io["feat_kernel"].transpose(2, 3, 1, 0), io["feat_bias"]
    key = jax.random.key(0)
    first = path_length.sample_path_lengths(generator, network, key, **options)
    again = path_length.sample_path_lengths(generator, network, key, **options)
    assert first.shape == (5,)
    assert (first > 0).all()
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) == 5


def test_options_are_checked():
    for option in ({"space": "x"}, {"sampling": "x"}, {"epsilon": 0.0}):
        with pytest.raises(ValueError, match=next(iter(option))):
            path_length.PathLengthConfig(**option)


def test_edits_that_an_encoder_undoes_are_consistent():
    # A generator and an encoder that are each other's inverses, up to a factor.
    images = np.random.default_rng(0).uniform(-1, 1, (4, 2, 2, 3)).astype(np.float32)
    generator = types.SimpleNamespace(synthesis=lambda ws: ws.reshape(-1, 2, 2, 3))
    direction = np.float32([1.0, 0.0, 2.0])

    def distances(factor):
        return path_length_free(lambda x: factor * x.reshape(-1, 4, 3))

    def path_length_free(encoder):
        run = editing_consistency.editing_distances.__wrapped__
        return run(encoder, generator, images, direction)

    np.testing.assert_allclose(distances(1.0), 0, atol=1e-5)
    # Encoding w gives 2 w: (2 (2 x + s) - s) - 2 x = 2 x + s.
    step = 3 * direction[None, None]
    expected = np.linalg.norm(2 * images.reshape(4, 4, 3) + step, axis=(1, 2))
    np.testing.assert_allclose(distances(2.0), expected, rtol=1e-5)
    mean = editing_consistency.editing_consistency(expected)
    np.testing.assert_allclose(mean, expected.mean(), rtol=1e-6)
