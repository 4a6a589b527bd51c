"""The mapping network of StyleGAN2 and StyleGAN3."""

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import layers
from jax_encoder.ops import activation


class StyleGAN2MappingNetwork(nnx.Module):
    """`z, labels -> w` (Karras et al. 2020, arXiv:1912.04958; labels: 2006.06676).

    Attributes:
      embed: maps labels `[N, c_dim]` to the width of w; conditional networks only.
      fc0, fc1, ...: dense layers with leaky ReLU.
    """

    def __init__(
        self,
        *,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_layers: int,
        lr_multiplier: float = 0.01,
        embed_dim: int | None = None,
        hidden_dim: int | None = None,
        rngs: nnx.Rngs,
    ):
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.num_layers = num_layers
        embed_dim = (embed_dim or w_dim) if c_dim else 0
        if c_dim:
            self.embed = layers.FullyConnected(c_dim, embed_dim, rngs=rngs)
        widths = [z_dim + embed_dim, *[hidden_dim or w_dim] * (num_layers - 1), w_dim]
        for index in range(num_layers):
            layer = layers.FullyConnected(
                widths[index],
                widths[index + 1],
                activation="lrelu",
                lr_multiplier=lr_multiplier,
                rngs=rngs,
            )
            setattr(self, f"fc{index}", layer)

    def __call__(
        self, z: jax.Array | None, labels: jax.Array | None = None
    ) -> jax.Array:
        """Maps latents to w, without truncation and without broadcast.

        Args:
          z: `[N, z_dim]`; its scale is normalized away. None when `z_dim` is zero.
          labels: `[N, c_dim]`, usually one-hot; conditional networks only.

        Returns:
          w `[N, w_dim]`.

        Raises:
          ValueError: the shapes do not fit, or labels are missing or not wanted.
        """
        parts = []
        if self.z_dim:
            parts.append(activation.normalize_second_moment(self._check(z, labels)))
        if self.c_dim:
            if labels is None or labels.ndim != 2 or labels.shape[1] != self.c_dim:
                got = None if labels is None else labels.shape
                raise InputError(
                    f"This network is conditional: `labels` must be [N, {self.c_dim}],"
                    f" got {got}."
                )
            parts.append(activation.normalize_second_moment(self.embed(labels)))
        x = jnp.concatenate(parts, axis=-1)
        for index in range(self.num_layers):
            x = getattr(self, f"fc{index}")(x)
        return x

    def _check(self, z: jax.Array | None, labels: jax.Array | None) -> jax.Array:
        if z is None or z.ndim != 2 or z.shape[1] != self.z_dim:
            got = None if z is None else z.shape
            raise InputError(f"`z` must be [N, {self.z_dim}], got {got}.")
        if labels is not None and not self.c_dim:
            raise InputError(
                "This network is unconditional and takes no `labels`; got"
                f" {labels.shape=}."
            )
        return z
