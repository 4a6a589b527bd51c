"""The smallest training that has all phases; also run as a program.

python tiny_gan.py NUM_DEVICES NUM_STEPS OUTPUT.npz
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_encoder.nn import stylegan2, stylegan2_discriminator
from jax_encoder.training import gan, replication

CONFIG = gan.GANConfig(
    batch_size=8,
    r1_gamma=1.0,
    r1_interval=4,
    path_interval=2,
    ema_half_life=50.0,
)
KEY = jax.random.key(7)


def start():
    """Returns the state and the architectures of an untrained pair."""
    shape = {"resolution": 8, "channels": (8, 8)}
    generator = stylegan2.StyleGAN2Config(
        z_dim=8, w_dim=8, num_mapping_layers=2, **shape
    )
    discriminator = stylegan2_discriminator.StyleGAN2DiscriminatorConfig(**shape)
    return gan.init(
        stylegan2.StyleGAN2Generator(generator, rngs=nnx.Rngs(0)),
        stylegan2_discriminator.StyleGAN2Discriminator(discriminator, rngs=nnx.Rngs(1)),
        CONFIG,
    )


def reals(step):
    """Returns the real pictures of a step: two-colored flags."""
    key = jax.random.fold_in(jax.random.key(11), step)
    colors = jax.random.uniform(key, (8, 2, 1, 3), minval=-1.0)
    return jnp.repeat(jnp.repeat(colors, 4, axis=1), 8, axis=2)


def run(state, networks, num_steps, sharding=None):
    """Trains for some steps; returns the state and the losses `[steps, 2]`."""
    curve = []
    for _ in range(num_steps):
        images = reals(int(state.step))
        state, report = gan.train_step(state, networks, images, KEY, CONFIG, sharding)
        curve.append([report["loss/generator"], report["loss/discriminator"]])
    return state, np.asarray(jax.device_get(curve))


def weights(state):
    """Returns all weights of the generator as one vector."""
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(state.generator)])


def main():
    state, networks, sharding = replication.distribute(*start())
    state, curve = run(state, networks, int(sys.argv[1]), sharding)
    np.savez(
        sys.argv[2],
        curve=curve,
        weights=weights(state),
        num_devices=len(state.path_mean.sharding.device_set),
    )


if __name__ == "__main__":
    main()
