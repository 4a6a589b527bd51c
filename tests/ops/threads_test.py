"""Results do not depend on how many threads a CPU computes with, two or more.

Eight simulated devices bring eight threads with them; otherwise there are as many as
processors. Convolutions to few channels and means of kernels differ where nothing is
done about it.
"""

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import hashlib, jax, jax.numpy as jnp
from jax_encoder.nn import stylegan3
from jax_encoder.ops import convolution, modulation

def show(fn, *shapes):
    keys = jax.random.split(jax.random.key(0), len(shapes))
    arrays = [jax.random.normal(*pair) for pair in zip(keys, shapes)]
    print(hashlib.sha256(jax.jit(fn)(*arrays).tobytes()).hexdigest())

def input_gradient(x, kernel):
    y, pull = jax.vjp(lambda x: convolution.conv2d(x, kernel), x)
    return pull(y)[0]

show(convolution.conv2d, (1, 32, 32, 64), (3, 3, 64, 64))
show(input_gradient, (1, 64, 64, 3), (3, 3, 3, 16))
show(convolution.conv2d, (1, 64, 64, 16), (3, 3, 16, 3))
show(convolution.conv2d, (1, 64, 64, 128), (1, 1, 128, 3))
show(lambda kernel: modulation.demodulation(kernel, kernel[0, 0]), (3, 3, 512, 512))
show(stylegan3.unit_scale, (3, 3, 512, 512))
"""


def _hashes(num_threads, flags):
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        env=os.environ | {"NPROC": str(num_threads), "XLA_FLAGS": flags},
        capture_output=True,
        check=True,
        text=True,
    )
    return run.stdout.split()


# As the tests compile, and as people do.
@pytest.mark.parametrize(
    "flags", [os.environ["XLA_FLAGS"], pytest.param("", marks=pytest.mark.slow)]
)
def test_two_and_eight_threads_give_the_same_bits(flags):
    two = _hashes(2, flags)
    assert len(two) == 6
    assert two == _hashes(8, flags)
