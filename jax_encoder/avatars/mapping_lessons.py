"""Teaching the mapping network before the synthesis network.

The bootstrap (`regression`) can only draw what w tells it. A mapping network learns to
tell faces apart very slowly through the pictures, and in a minute by itself: w shall
make everything about the face that z names linear.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jax_encoder.avatars import face_rendering, regression
from jax_encoder.nn import layers, stylegan2

_RIDGE = 1e-4


def teach(
    generator: stylegan2.StyleGAN2Generator,
    key: jax.Array,
    *,
    num_steps: int = 45_000,
    num_people: int = 131_072,
    batch_size: int = 256,
) -> tuple[stylegan2.StyleGAN2Generator, np.ndarray]:
    """Teaches w to predict a face, linearly.

    What is predicted are the attributes and a tiny rendering: attributes such as hues
    do not act linearly on the picture, its pixels do. The read-out is thrown away.

    Args:
      generator: whose mapping to train.
      key: PRNG key.
      num_steps: steps of Adam; the learning rate falls to zero.
      num_people: how many faces to draw once, to learn from.
      batch_size: faces per step.

    Returns:
      a generator with the new mapping, and the errors `[num_steps]`: mean squares of
      what is predicted in units of its standard deviation.
    """
    z = jax.random.normal(key, (num_people, generator.config.z_dim))
    wanted = _appearance(z)
    head = layers.FullyConnected(
        generator.config.w_dim, wanted.shape[1], rngs=nnx.Rngs(params=0)
    )

    def objective(networks, index):
        mapping, readout = networks
        return jnp.mean(jnp.square(readout(mapping(z[index])) - wanted[index]))

    mapping = nnx.clone(generator.mapping)
    (mapping, _), errors = _descend(
        (mapping, head),
        objective,
        jax.random.fold_in(key, 1),
        num_steps=num_steps,
        learning_rate=0.003 / generator.config.lr_multiplier,
        draw=lambda key: jax.random.randint(key, (batch_size,), 0, num_people),
    )
    return _with_mapping(generator, mapping), errors


def _descend(networks, objective, key, *, num_steps, learning_rate, draw):
    """Runs Adam on `objective(networks, draw(key))`."""
    graphdef, params, rest = nnx.split(networks, nnx.Param, ...)
    adam = optax.adam(optax.linear_schedule(learning_rate, 0.0, num_steps), b2=0.99)

    def body(carry, step_key):
        params, opt_state = carry
        value, gradient = jax.value_and_grad(
            lambda p: objective(nnx.merge(graphdef, p, rest), draw(step_key))
        )(params)
        updates, opt_state = adam.update(gradient, opt_state)
        return (optax.apply_updates(params, updates), opt_state), value

    scan = jax.jit(
        lambda start: jax.lax.scan(body, start, jax.random.split(key, num_steps))
    )
    (params, _), errors = scan((params, adam.init(params)))
    return nnx.merge(graphdef, params, rest), np.asarray(errors)


def _with_mapping(generator, mapping):
    generator = nnx.clone(generator)
    generator.mapping = mapping
    return generator


def _appearance(z: jax.Array, chunk: int = 1024) -> jax.Array:
    """Standardized attributes and pixels of an 8x8 rendering, `[N, K + 192]`."""
    attributes = regression.people(z)
    tiny = []
    for start in range(0, z.shape[0], chunk):
        drawn = face_rendering.render(attributes[start : start + chunk], 16)
        boxes = drawn.reshape(drawn.shape[0], 8, 2, 8, 2, 3)
        tiny.append(jnp.mean(boxes, axis=(2, 4)).reshape(drawn.shape[0], -1))
    return _standardize(jnp.concatenate([attributes, jnp.concatenate(tiny)], axis=1))


def _standardize(columns: jax.Array) -> jax.Array:
    deviation = jnp.std(columns, axis=0) + 1e-3
    return (columns - jnp.mean(columns, axis=0)[None]) / deviation[None]
