"""Eight simulated devices give what one gives, without a word between them."""

import json
import os
import subprocess
import sys

import numpy as np

PROGRAM = """
import json, sys
import jax, jax.numpy as jnp, numpy as np
from flax import nnx
from jax.sharding import AxisType
from experiments.runs import projector_engine
from jax_encoder.inversion import (
    batch_inverter, config, driver, presets, projector, starts, state, terms)
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
    num_steps=20, noise="optimize", terms=(terms.Pixel(), terms.Perceptual())
)
z = jax.random.normal(jax.random.key(1), (8, 8))
targets = generator.synthesis(starts.from_z(models, "w+", z))
values = starts.mean(models, "w+", 8)
key = jax.random.key(2)
mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
one, _ = driver.project(models, targets, values, key, config=options, chunk=20)
eight, _ = driver.project(
    models, targets, values, key, config=options, chunk=20, mesh=mesh
)
problem = projector.prepare(models, targets, options)
first = projector.init(models, values, key, options)
text = projector.advance.lower(
    models, problem, first, jnp.asarray(20),
    config=options, resolution=8, chunk=20, mesh=mesh,
).compile().as_text()

def encode(pictures):
    # What the engine of the binaries finds for pictures, on all devices it has.
    inverter = batch_inverter.BatchInverter(
        models=models, preset=presets.Preset(name="own", config=options), chunk=20
    )
    engine = projector_engine.ProjectorEngine(
        inverter=inverter, start=lambda names: "mean"
    )
    pictures = np.asarray(pictures)
    found = engine.init(pictures, ["x"] * len(pictures))
    for found, _ in engine.iterate(pictures, found):
        pass
    outcome = engine.finish(pictures, found, len(pictures))
    spread = len(found.projector.variables.values.sharding.device_set)
    return engine.multiple, spread, outcome

multiple, engine_spread, together = encode(targets)
# Three pictures, and one, cannot be divided.
(_, _, three), (_, alone_spread, alone) = encode(targets[:3]), encode(targets[:1])
words = ("all-reduce", "all-gather", "all-to-all", "collective-permute")
print(json.dumps({
    "devices": jax.device_count(),
    "one": np.asarray(one.ws).tolist(),
    "eight": np.asarray(eight.ws).tolist(),
    "words": [word for word in words if word in text],
    "spread": len(eight.ws.sharding.device_set),
    "multiple": multiple,
    "engine_spread": [engine_spread, alone_spread],
    "engine": together.ws.tolist(),
    "three": three.ws.tolist(),
    "alone": alone.ws.tolist(),
    "psnr": [float(alone.measures["psnr"][0]), float(together.measures["psnr"][0])],
}))
"""


def test_eight_devices_equal_one():
    flags = os.environ.get("XLA_FLAGS", "")
    environment = os.environ | {
        "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count=8",
        "PYTHONPATH": os.getcwd(),
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["devices"] == 8
    assert result["words"] == []
    one = np.asarray(result["one"])
    allowed = 20 * 1e-5 * np.max(np.abs(one))
    assert np.max(np.abs(one - result["eight"])) <= allowed
    assert result["multiple"] == 8
    assert result["engine_spread"] == [8, 1]
    # The engine's noise maps come of another key: its codes are compared to its own.
    # It renders pictures one by one, and so gives the same bits.
    np.testing.assert_array_equal(result["engine"][:3], result["three"])
    np.testing.assert_array_equal(result["engine"][:1], result["alone"])
    np.testing.assert_allclose(*result["psnr"], rtol=1e-3)
