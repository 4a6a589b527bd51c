"""The discriminator of w of e4e (Tov et al. 2021, arXiv:2102.02766, Section 4.2)."""

import dataclasses

import jax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, vision_layers


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentDiscriminatorConfig:
    """The architecture of a latent discriminator.

    Attributes:
      w_dim: numbers of w, and of every hidden layer.
      num_layers: dense layers, the last one with a single output.
      family: "latent-discriminator".
    """

    w_dim: int = 512
    num_layers: int = 4
    family: str = "latent-discriminator"

    def __post_init__(self):
        checks.validate(self)
        if self.num_layers < 1:
            raise InputError(f"`num_layers` must be positive: {self.num_layers}.")


class LatentDiscriminator(nnx.Module):
    """Tells mapped w from encoded ones: `[N, w_dim] ->` logits `[N, 1]`.

    Attributes:
      config: the architecture.
      fc0, fc1, ...: dense layers with leaky ReLU of slope 0.2 between them.
    """

    config_class = LatentDiscriminatorConfig

    def __init__(self, config: LatentDiscriminatorConfig, *, rngs: nnx.Rngs):
        self.config = config
        for index in range(config.num_layers):
            num_out = config.w_dim if index < config.num_layers - 1 else 1
            layer = vision_layers.Linear(config.w_dim, num_out, rngs=rngs)
            setattr(self, f"fc{index}", layer)

    def __call__(self, w: jax.Array) -> jax.Array:
        """Judges latents; larger means more like a mapped one.

        Args:
          w: `[N, w_dim]`.

        Returns:
          logits `[N, 1]`.

        Raises:
          ValueError: `w` has another shape.
        """
        if w.ndim != 2 or w.shape[1] != self.config.w_dim:
            raise InputError(f"`w` must be [N, {self.config.w_dim}]: got {w.shape}.")
        for index in range(self.config.num_layers):
            if index:
                w = jax.nn.leaky_relu(w, 0.2)
            w = getattr(self, f"fc{index}")(w)
        return w
