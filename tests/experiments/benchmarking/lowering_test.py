"""Programs as CUDA and TPU are given them, read without either."""

import collections

import jax
import jax.numpy as jnp
import pytest

from experiments.benchmarking import cases, lowering, workloads
from jax_encoder.ops import backends


def _convolve(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def test_counts_loops_once_and_calls_as_often_as_they_are_made():
    inner = jax.jit(lambda x, k: _convolve(jnp.tanh(x), k))

    def program(x, kernel):
        x = inner(inner(x, kernel), kernel)
        return jax.lax.fori_loop(0, 5, lambda _, y: y + jnp.sin(y), x)

    args = jnp.ones((1, 8, 8, 3)), jnp.ones((3, 3, 3, 3))
    operations = lowering.read(lowering.lower(program, args, "cuda"))
    by_name = collections.Counter()
    for op, times in operations.items():
        by_name[op.name] += times
    assert by_name["convolution"] == 2
    assert by_name["tanh"] == 2
    assert by_name["sine"] == 1
    (conv,) = (op for op in operations if op.name == "convolution")
    assert conv.layout == "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"
    assert str(conv.operands[1]) == "3x3x3x3xf32"
    assert conv.results[0].num_bytes == 8 * 8 * 3 * 4
    assert lowering.moved(operations)["convolution"] == 2 * 4 * (192 + 81 + 192)


def test_names_what_is_slow():
    def program(x, kernel):
        y = _convolve(x, kernel)
        z = _convolve(x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))
        first = jnp.transpose(y, (0, 3, 1, 2))
        other = jax.lax.conv_general_dilated(
            first, jnp.transpose(kernel), (1, 1), "SAME"
        )
        some = y.reshape(-1)[jnp.array([5, 1, 3])]
        return some.at[jnp.array([0, 2])].add(1.0), z, other

    args = jnp.ones((1, 8, 8, 3)), jnp.ones((3, 3, 3, 3))
    operations = lowering.read(lowering.lower(program, args, "tpu"))
    text = " | ".join(name for name, _ in lowering.suspects(operations))
    for part in (
        "convolution in float32: 1x8x8x3xf32 by 3x3x3x3xf32",
        "convolution of [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1]",
        "transpose [0, 3, 1, 2]: 1x8x8x3xf32",
        "gather",
        "scatter",
    ):
        assert part in text
    assert "16" not in text  # What is in bfloat16 is as it should be.


def test_lowers_with_the_formulations_of_the_platform():
    before = dict(backends.BACKENDS)
    seen = []

    def program(x):
        seen.append(backends.choices())
        return x + 1

    for platform in ("cuda", "cpu"):
        lowering.lower(program, (jnp.ones(3),), platform)
    assert seen == [backends.Choices(), before["cpu"]]
    assert before == backends.BACKENDS


def _step(case):
    (part,) = workloads.build(case, num_steps=2)
    return part.fn, part.args


@pytest.mark.parametrize(
    ("platform", "resolution", "size"),
    [
        ("cuda", 64, "small"),
        pytest.param("tpu", 64, "small", marks=pytest.mark.slow),
        pytest.param("cuda", 1024, "full", marks=pytest.mark.slow),
        pytest.param("tpu", 1024, "full", marks=pytest.mark.slow),
    ],
)
def test_a_step_in_bfloat16_is_made_for_the_device(platform, resolution, size):
    """No map in float32 or of other axes; only the distance's trunk is in float32."""
    case = cases.Case(
        workload="inversion",
        family="stylegan2",
        resolution=resolution,
        dtype="bfloat16",
        size=size,
    )
    operations = lowering.read(lowering.lower(*_step(case), platform))
    side = min(resolution, 256)
    strange = []
    for name, times in lowering.suspects(operations):
        if name.startswith("convolution in float32"):
            # The distance sees at most 256 pixels and halves them from stage to stage.
            shape = name.split(": ")[1].split("x")
            assert int(shape[1]) <= side, name
            strange.append((name, times))
            continue
        # The curves: one number per picture and chunk.
        assert name.startswith("scatter: 2x1"), name
    trunk = 13 if size == "full" else 2
    assert sum(times for _, times in strange) == 2 * trunk
    assert not any("f64" in str(t) for op in operations for t in op.results)
