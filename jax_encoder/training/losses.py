"""The losses of StyleGAN2's training.

Logits are `[N, 1]`, larger for more real. Karras et al. 2020 (arXiv:1912.04958),
Sections 3.1 and 3.2; non-saturating loss: Goodfellow et al. 2014; R1: Mescheder et al.
2018 (arXiv:1801.04406), Eq. 9.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def generator_loss(fake_logits: jax.Array) -> jax.Array:
    """Returns the non-saturating loss, a scalar: `-log sigmoid(D(fake))`."""
    return jnp.mean(jax.nn.softplus(-fake_logits))


def discriminator_loss(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """Returns the logistic loss, a scalar."""
    fake = jnp.mean(jax.nn.softplus(fake_logits))
    return fake + jnp.mean(jax.nn.softplus(-real_logits))


def r1_penalty(
    discriminate: Callable[[jax.Array], jax.Array], images: jax.Array
) -> jax.Array:
    """Returns the squared norm of the discriminator's gradient, a scalar.

    Args:
      discriminate: images to logits.
      images: `[N, H, W, 3]` real images.

    Returns:
      the mean over images of the squared norm; the loss is `gamma / 2` times this.
    """
    gradient = jax.grad(lambda x: jnp.sum(discriminate(x)))(images)
    return jnp.mean(jnp.sum(jnp.square(gradient), axis=(1, 2, 3)))


def path_lengths(
    synthesize: Callable[[jax.Array], jax.Array], ws: jax.Array, key: jax.Array
) -> jax.Array:
    """Returns how far the images move when w does (Section 3.2, Eq. 4).

    Args:
      synthesize: ws `[N, num_ws, w_dim]` to images `[N, H, W, 3]`.
      ws: `[N, num_ws, w_dim]`.
      key: of the random direction in image space.

    Returns:
      `[N]`: norms of the gradients, root mean square over the rows of w.
    """
    images, pull = jax.vjp(synthesize, ws)
    _, height, width, _ = images.shape
    noise = jax.random.normal(key, images.shape) / (height * width) ** 0.5
    (gradient,) = pull(noise.astype(images.dtype))
    squares = jnp.sum(jnp.square(gradient), axis=2)
    return jnp.sqrt(jnp.mean(squares, axis=1))


def path_penalty(
    lengths: jax.Array, mean: jax.Array, *, decay: float = 0.01
) -> tuple[jax.Array, jax.Array]:
    """Returns the deviation of path lengths from their running mean.

    Args:
      lengths: `[N]`.
      mean: the running mean so far, a scalar.
      decay: by how much the mean moves towards the new lengths.

    Returns:
      the penalty, a scalar, and the new running mean.
    """
    mean = mean + decay * (jnp.mean(lengths) - mean)
    # As published, the gradient also flows through the new mean.
    return jnp.mean(jnp.square(lengths - mean)), jax.lax.stop_gradient(mean)
