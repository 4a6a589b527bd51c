"""Full-size generators run forward in batch 1 within 6 GiB.

pytest -m slow -s tests/nn/full_size_test.py
"""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
CONFIGS = {
    "stylegan1": "stylegan1.StyleGAN1Config("
    "resolution=1024, channels=stylegan1.paper_channels(1024))",
    "stylegan2 F": "stylegan2.StyleGAN2Config("
    "resolution=1024, channels=(*[512] * 5, 256, 128, 64, 32))",
    "stylegan3 T": "stylegan3.StyleGAN3Config(resolution=1024)",
    "stylegan3 R": "stylegan3.config_r(1024)",
}
MEASURE = """
import json, resource, sys, time
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax_encoder.nn import (stylegan1, stylegan2, stylegan3)

config = eval(sys.argv[1])
module = sys.modules["jax_encoder.nn." + config.family]
kind = getattr(module, type(config).__name__.replace("Config", "Generator"))
abstract = nnx.eval_shape(lambda: kind(config, rngs=nnx.Rngs(0)))
graphdef, state = nnx.split(abstract)
random = np.random.default_rng(0)

def fill(leaf):
    if leaf.ndim < 2:
        return jnp.ones(leaf.shape)
    return jnp.asarray(random.standard_normal(leaf.shape, np.float32))

generator = nnx.merge(graphdef, jax.tree.map(fill, state))
ws = jax.random.normal(jax.random.key(0), (1, config.num_ws, config.w_dim))
render = jax.jit(lambda generator, ws: generator.synthesis(ws))
start = time.perf_counter()
compiled = render.lower(generator, ws).compile()
compilation = time.perf_counter() - start
start = time.perf_counter()
images = jax.block_until_ready(compiled(generator, ws))
forward = time.perf_counter() - start
assert images.shape == (1, 1024, 1024, 3)
assert bool(jnp.isfinite(images).all())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"compile_s": compilation, "forward_s": forward, "peak_bytes": peak}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_runs_forward_within_6_gib(name):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, CONFIGS[name]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    sys.stdout.write(f"\n{name}: {found}\n")
    assert found["peak_bytes"] < 6 << 30
