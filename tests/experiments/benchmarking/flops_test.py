"""Operations are counted as on paper."""

import jax
import jax.numpy as jnp
import pytest

from experiments.benchmarking import flops
from jax_encoder.ops import formulations, winograd


def _shape(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def test_matrix_products_and_convolutions():
    assert flops.count(lambda a, b: a @ b, _shape(3, 5), _shape(5, 7)) == 2 * 3 * 5 * 7
    kernel = _shape(3, 3, 4, 6)
    conv = flops.count(formulations.conv2d, _shape(2, 8, 8, 4), kernel)
    assert conv == 2 * 9 * 4 * 6 * 2 * 8 * 8
    outer = flops.count(
        lambda a, b: jnp.einsum("i,ij->ij", a, b), _shape(3), _shape(3, 5)
    )
    assert outer == 0


def test_inserted_zeros_and_formulations_do_not_count():
    x, kernel = _shape(1, 64, 64, 64), _shape(3, 3, 64, 64)
    up = flops.count(lambda x, k: formulations.up_conv2d(x, k), x, kernel)
    # 129 x 129 outputs before the filter, a quarter of whose products are not zeros.
    assert up == pytest.approx(2 * 9 * 64 * 64 * 129**2 / 4, rel=0.01)

    def tiled(x, kernel):
        transformed = winograd.transform(kernel)
        return formulations.conv2d(x, kernel, transformed=transformed)

    transform = flops.count(winograd.transform, kernel)
    plain = flops.count(formulations.conv2d, x, kernel)
    assert flops.count(tiled, x, kernel) == plain + transform


def test_loops_count_every_turn():
    def loop(a):
        return jax.lax.scan(lambda c, _: (c @ a, None), a, length=4)[0]

    assert flops.count(loop, _shape(3, 3)) == 4 * 2 * 27
