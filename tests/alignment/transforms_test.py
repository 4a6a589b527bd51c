import jax
import numpy as np
import pytest
from flax import nnx

from jax_encoder.alignment import transforms
from jax_encoder.nn import stylegan3
from tests.alignment import synthetic

CONFIG = stylegan3.StyleGAN3Config(
    resolution=16,
    z_dim=6,
    w_dim=5,
    channel_base=64,
    channel_max=8,
    num_layers=5,
    first_cutoff=2.0,
    margin_size=4,
)


def _frame(angle=0.0, scale=100.0, x=200.0, y=200.0):
    return synthetic.frame(synthetic.place(angle, scale, x, y), 32, (400, 400))


@pytest.mark.parametrize(
    ("name", "angle", "shift"),
    [
        ("transform_translate", 0.0, (0.13, -0.21)),
        ("transform_rotate", 23.0, (0.0, 0.0)),
        ("transform_both", -41.0, (-0.08, 0.17)),
    ],
)
def test_the_matrices_are_those_of_the_official_code(golden, name, angle, shift):
    """A picture turned by an angle (counterclockwise) and shifted in its own sides."""
    x, y = 200 + 100 * shift[0], 200 + 100 * shift[1]
    with np.load(golden / "sg3_t_r32" / "io.npz") as arrays:
        expected = arrays[name]
    found = transforms.stylegan3(_frame(-angle, 100, x, y), _frame())
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_input_is_drawn_where_the_view_sees_it():
    module = stylegan3.StyleGAN3SynthesisInput(CONFIG, rngs=nnx.Rngs(0))
    w = jax.random.normal(jax.random.key(0), (1, CONFIG.w_dim))
    step = 100 / float(module.sampling_rate)
    plain = np.asarray(module(w))
    draw = jax.jit(lambda transform: module(w, transform))
    # The face lies two samples to the right and one up from the view's center.
    moved = draw(transforms.stylegan3(_frame(x=200 + 2 * step, y=200 - step), _frame()))
    np.testing.assert_allclose(moved[:, :-1, 2:], plain[:, 1:, :-2], atol=2e-5)
    turned = draw(transforms.stylegan3(_frame(90), _frame()))
    # Clockwise, as y points down: the upper left corner goes to the upper right.
    np.testing.assert_allclose(turned, np.rot90(plain, -1, axes=(1, 2)), atol=2e-5)


def test_scale_may_be_left_out():
    aligned, view = _frame(30, 250, 210, 190), _frame()
    full = transforms.stylegan3(aligned, view)
    rigid = transforms.stylegan3(aligned, view, with_scale=False)
    np.testing.assert_allclose(full[:2, :2], rigid[:2, :2] / 2.5, atol=1e-6)
    np.testing.assert_array_equal(full[:, 2], rigid[:, 2])
    other = synthetic.frame(synthetic.place(), 32, (401, 400))
    with pytest.raises(ValueError, match="one photograph"):
        transforms.stylegan3(aligned, other)
