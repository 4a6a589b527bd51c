"""The rates that the machine reaches on large arrays: what utilization refers to."""

import jax
import jax.numpy as jnp

from experiments.benchmarking import timing
from jax_encoder.ops import convolution

_SIDES = {"cpu": 2048}


def measure(dtype: str, *, side: int | None = None) -> dict[str, float]:
    """Times a large matrix product and a large 3x3 convolution.

    Args:
      dtype: of both.
      side: of the matrices; default: 2048 on a CPU, else 8192. The convolution has a
        quarter as many channels.

    Returns:
      Operations per second of "matmul" and "conv".
    """
    backend = jax.default_backend()
    side = side or _SIDES.get(backend, 8192)
    channels = side // 4
    matrix = jnp.ones((side, side), dtype)
    x = jnp.ones((1, 64, 64, channels), dtype)
    kernel = jnp.ones((3, 3, channels, channels), dtype)
    product = _compiled(lambda a, b: a @ b, matrix, matrix)
    conv = _compiled(convolution.conv2d, x, kernel)
    times = timing.alternate({"matmul": product, "conv": conv}, num_repeats=7)
    operations = {"matmul": 2.0 * side**3, "conv": 2.0 * 9 * 64**2 * channels**2}
    return {name: operations[name] / times[name].fastest for name in operations}


def bandwidth(num_bytes: int | None = None) -> float:
    """Times a pass over an array larger than any cache.

    Args:
      num_bytes: of the array; default: 256 MiB on a CPU, else 2 GiB.

    Returns:
      Bytes read and written per second.
    """
    is_cpu = jax.default_backend() == "cpu"
    num_bytes = num_bytes or ((256 << 20) if is_cpu else (2 << 30))
    x = jnp.ones(num_bytes // 4, jnp.float32)
    double = _compiled(lambda x: x * 2, x)
    return 2 * num_bytes / timing.alternate({"": double}, num_repeats=7)[""].fastest


def _compiled(fn, *args):
    compiled = jax.jit(fn).lower(*args).compile()
    return lambda: jax.block_until_ready(compiled(*args))
