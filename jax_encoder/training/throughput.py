"""How fast a training is: pictures per second of every phase."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.nn import stylegan2, stylegan2_discriminator
from jax_encoder.training import gan, presets


def measure(preset: presets.Preset, *, num_runs: int = 5) -> dict[str, float]:
    """Times the phases of the adversarial training on one device.

    Args:
      preset: architectures and options.
      num_runs: how often each phase is timed; the fastest counts.

    Returns:
      pictures per second of "generator", "path", "discriminator" and "r1", and of
      "training": all phases, each as often as it is due.
    """
    config = preset.training
    state, networks = gan.init(
        stylegan2.Generator(preset.generator, rngs=nnx.Rngs(0)),
        stylegan2_discriminator.Discriminator(preset.discriminator, rngs=nnx.Rngs(1)),
        config,
    )
    side = preset.generator.resolution
    images = jnp.zeros((config.batch_size, side, side, 3))
    key = jax.random.key(0)
    phases: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
        "generator": (gan.generator_phase, (), 1),
        "path": (gan.path_phase, (), config.path_interval),
        "discriminator": (gan.discriminator_phase, (images,), 1),
        "r1": (gan.r1_phase, (images,), config.r1_interval),
    }
    seconds, total = {}, 0.0
    for name, (phase, arguments, interval) in phases.items():
        if not interval:
            continue
        best = float("inf")
        for _ in range(num_runs + 1):
            start = time.perf_counter()
            state, _ = phase(state, networks, *arguments, key, config=config)
            jax.block_until_ready(state)
            best = min(best, time.perf_counter() - start)
        seconds[name] = best
        total += best / interval
    rates = {name: config.batch_size / value for name, value in seconds.items()}
    return rates | {"training": config.batch_size / total}
