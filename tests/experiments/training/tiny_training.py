"""Twenty steps of the smallest training of an encoder, by the loop of all trainings.

python tiny_training.py DIRECTORY
"""

import pathlib
import sys

import jax

from experiments.training import training_loop
from jax_encoder.training import encoder_sources, encoder_training
from tests.training import tiny_encoder as tiny


def main():
    state, networks = tiny.start()
    source = encoder_sources.sampled(networks.generator, jax.random.key(11))

    def step(state, done):
        batch = source(done, tiny.CONFIG.batch_size)
        return encoder_training.train_step(
            state, networks, batch, tiny.KEY, config=tiny.CONFIG
        )

    training_loop.run(
        pathlib.Path(sys.argv[1]),
        state,
        step,
        pace=training_loop.Pace(num_steps=20, log_every=1, checkpoint_every=4),
        batch_size=tiny.CONFIG.batch_size,
        look=lambda *_: {},
    )


if __name__ == "__main__":
    main()
