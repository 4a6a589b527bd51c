"""Second order on eight simulated devices: the bits of one, in W+ and in F."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import dataclasses, json
import jax, numpy as np
from flax import nnx
from jax.sharding import AxisType
from jax_encoder.inversion import config, driver, starts, state, terms
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan2
from tests.inversion import stand_in

shape = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)
generator = stylegan2.StyleGAN2Generator(shape, rngs=nnx.Rngs(0))
models = state.Models(
    generator=generator,
    networks={"lpips": stand_in.random()},
    statistics=statistics.estimate(generator, num_samples=100),
)
options = config.ProjectorConfig(
    num_steps=20,
    optimizer="lbfgs",
    optimizer_options=(("memory", 5),),
    terms=(terms.Pixel(weight=10.0), terms.Perceptual()),
    micro_batch=1,
)
z = jax.random.normal(jax.random.key(1), (8, 8))
targets = generator.synthesis(starts.from_z(models, "w+", z))
mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
different = {}
for space in ("w+", "f"):
    own = dataclasses.replace(options, space=space)
    values, key = starts.mean(models, space, 8), jax.random.key(2)
    one, eight = (
        driver.project(
            models, targets, values, key, config=own, chunk=10, mesh=devices
        )[0]
        for devices in (None, mesh)
    )
    pairs = zip(
        jax.tree_util.tree_leaves_with_path(one), jax.tree.leaves(eight), strict=True
    )
    different[space] = [
        jax.tree_util.keystr(path) for (path, a), b in pairs if not np.array_equal(a, b)
    ]
print(json.dumps([jax.device_count(), different]))
"""


@pytest.mark.slow
def test_eight_devices_give_the_bits_of_one():
    flags = (
        f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [8, {"w+": [], "f": []}]
