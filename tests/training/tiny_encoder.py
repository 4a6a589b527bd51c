"""The smallest training of an encoder that has all losses; also run as a program.

python tiny_encoder.py NUM_STEPS OUTPUT.npz
"""

import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_encoder.nn import small_encoder, stylegan2
from jax_encoder.training import (
    encoder_losses,
    encoder_sources,
    encoder_training,
    latent_adversary,
    replication,
    weight_optimizers,
)

CONFIG = encoder_training.EncoderConfig(
    batch_size=8,
    weights=encoder_losses.LossWeights(
        lpips=0.0, identity=0.1, w_norm=0.01, delta=2e-4, adversarial=0.1, code=0.1
    ),
    optimizer=weight_optimizers.OptimizerConfig(name="ranger", learning_rate=1e-3),
    progressive_start=4,
    progressive_interval=3,
    judge=latent_adversary.LatentAdversaryConfig(
        learning_rate=1e-3, r1_interval=4, pool_size=10
    ),
    ema_half_life=50.0,
)
KEY = jax.random.key(7)
SHAPE = stylegan2.StyleGAN2Config(
    resolution=8, z_dim=8, w_dim=8, channels=(8, 8), num_mapping_layers=2
)


class Averages(nnx.Module):
    """Stands in for a recognizer: the means of quarters, as a unit vector."""

    def embed(self, images):
        """`[N, 8, 8, 3] -> [N, 12]`."""
        means = images.reshape(-1, 2, 4, 2, 4, 3).mean(axis=(2, 4)).reshape(-1, 12)
        return means / jnp.linalg.norm(means, axis=1, keepdims=True)


def generator():
    """Returns a generator of 8 pixels with random weights."""
    return stylegan2.StyleGAN2Generator(SHAPE, rngs=nnx.Rngs(0))


def encoder(**changes):
    """Returns a small encoder for it."""
    options: dict = {
        "num_ws": SHAPE.num_ws,
        "w_dim": SHAPE.w_dim,
        "widths": (8, 8),
        "depths": (0, 1),
        "hidden_size": 16,
        "input_size": (8, 8),
    }
    config = small_encoder.SmallEncoderConfig(**options | changes)
    return small_encoder.SmallEncoder(config, rngs=nnx.Rngs(1))


def start(config=CONFIG, **changes):
    """Returns the state and the networks of an untrained encoder."""
    return encoder_training.init(
        encoder(**changes), generator(), config, networks={"identity": Averages()}
    )


def run(state, networks, num_steps, config=CONFIG, sharding=None):
    """Trains for some steps; returns the state and the total losses `[steps]`."""
    source, curve = encoder_sources.sampled(networks.generator, jax.random.key(11)), []
    for _ in range(num_steps):
        batch = source(int(state.step), config.batch_size)
        # Some codes are not known, as in a mixture.
        batch = dataclasses.replace(batch, is_known=batch.is_known.at[:3].set(0.0))
        if sharding is not None:
            batch = jax.device_put(batch, sharding)
        state, report = encoder_training.train_step(
            state, networks, batch, KEY, config=config
        )
        curve.append(report["loss/total"])
    return state, np.asarray(jax.device_get(curve))


def weights(state):
    """Returns all weights of the encoder as one vector."""
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(state.params)])


def main():
    state, networks, sharding = replication.distribute(*start())
    state, curve = run(state, networks, int(sys.argv[1]), sharding=sharding)
    np.savez(
        sys.argv[2],
        curve=curve,
        weights=weights(state),
        num_devices=len(state.step.sharding.device_set),
    )


if __name__ == "__main__":
    main()
