"""The image tower of CLIP (Radford et al. 2021, arXiv:2103.00020), a transformer.

Dosovitskiy et al. 2021 (arXiv:2010.11929) with a normalization before the blocks, in
the layout of the published ViT files. Its embedding says what a picture shows.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, preprocessing, vision_layers
from jax_encoder.ops import image_checks, norms, resize


@dataclasses.dataclass(frozen=True, kw_only=True)
class CLIPConfig:
    """The architecture of an image tower; the defaults are those of ViT-B/32.

    Attributes:
      input_size: side of the square that is looked at.
      patch_size: side of the patches that it is cut into.
      width: numbers per patch.
      num_layers: blocks.
      num_heads: of the attention; 64 numbers each in the published towers.
      embedding_size: numbers of the embedding.
      family: "clip".
    """

    input_size: int = 224
    patch_size: int = 32
    width: int = 768
    num_layers: int = 12
    num_heads: int = 12
    embedding_size: int = 512
    family: str = "clip"

    def __post_init__(self):
        checks.validate(self)
        if self.input_size % self.patch_size or self.width % self.num_heads:
            raise InputError(
                "`patch_size` must divide `input_size`, and `num_heads` `width`: got"
                f" {self.patch_size}, {self.input_size}, {self.num_heads} and"
                f" {self.width}."
            )

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return self.input_size // self.patch_size


class LayerNorm(nnx.Module):
    """Normalizes the last axis to mean 0 and variance 1, then scales and shifts."""

    def __init__(self, num_features: int, *, epsilon: float = 1e-5):
        self.weight = nnx.Param(jnp.ones(num_features))
        self.bias = nnx.Param(jnp.zeros(num_features))
        self.epsilon = epsilon

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """`[..., num_features]` to the same shape."""
        mean = jnp.mean(inputs, axis=-1, keepdims=True)
        variance = jnp.mean(jnp.square(inputs - mean), axis=-1, keepdims=True)
        scaled = (inputs - mean) * jax.lax.rsqrt(variance + self.epsilon)
        shape = (1,) * (inputs.ndim - 1) + (-1,)
        return scaled * self.weight[...].reshape(shape) + self.bias[...].reshape(shape)


class Attention(nnx.Module):
    """Self-attention with several heads (Vaswani et al. 2017, Section 3.2)."""

    def __init__(self, width: int, num_heads: int, *, rngs: nnx.Rngs):
        self.in_proj = vision_layers.Linear(width, 3 * width, rngs=rngs)
        self.out_proj = vision_layers.Linear(width, width, rngs=rngs)
        self.num_heads = num_heads

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """`[N, T, width]` to the same shape."""
        num, length, width = tokens.shape
        shape = (num, length, 3, self.num_heads, width // self.num_heads)
        queries, keys, values = jnp.moveaxis(self.in_proj(tokens).reshape(shape), 2, 0)
        scores = jnp.einsum("nqhd,nkhd->nhqk", queries, keys)
        weights = jax.nn.softmax(scores * queries.shape[-1] ** -0.5, axis=-1)
        mixed = jnp.einsum("nhqk,nkhd->nqhd", weights, values)
        return self.out_proj(mixed.reshape(num, length, width))


class Block(nnx.Module):
    """Attention, then two dense layers, each added to what comes in."""

    def __init__(self, config: CLIPConfig, *, rngs: nnx.Rngs):
        width = config.width
        self.ln_1 = LayerNorm(width)
        self.attn = Attention(width, config.num_heads, rngs=rngs)
        self.ln_2 = LayerNorm(width)
        self.c_fc = vision_layers.Linear(width, 4 * width, rngs=rngs)
        self.c_proj = vision_layers.Linear(4 * width, width, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """`[N, T, width]` to the same shape."""
        tokens = tokens + self.attn(self.ln_1(tokens))
        hidden = self.c_fc(self.ln_2(tokens))
        # The published towers approximate the Gaussian error unit so ("QuickGELU").
        return tokens + self.c_proj(hidden * jax.nn.sigmoid(1.702 * hidden))


class CLIPImageTower(nnx.Module):
    """Pictures to embeddings."""

    config_class = CLIPConfig

    def __init__(self, config: CLIPConfig, *, rngs: nnx.Rngs):
        self.config = config
        width, patch = config.width, config.patch_size
        scale = width**-0.5
        normal = rngs.params.normal
        self.conv1 = vision_layers.Conv(
            3, width, patch, stride=patch, use_bias=False, rngs=rngs
        )
        self.class_embedding = nnx.Param(scale * normal((width,)))
        positions = (config.grid**2 + 1, width)
        self.positional_embedding = nnx.Param(scale * normal(positions))
        self.ln_pre = LayerNorm(width)
        for index in range(config.num_layers):
            setattr(self, f"block_{index}", Block(config, rngs=rngs))
        self.ln_post = LayerNorm(width)
        self.proj = nnx.Param(scale * normal((width, config.embedding_size)))

    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps preprocessed pictures `[N, S, S, 3]` to features `[N, D]`."""
        patches = self.conv1(images)
        tokens = patches.reshape(len(images), -1, self.config.width)
        first = jnp.broadcast_to(
            self.class_embedding[...][None, None], (len(images), 1, self.config.width)
        )
        tokens = jnp.concatenate([first, tokens], axis=1)
        tokens = self.ln_pre(tokens + self.positional_embedding[...][None])
        for index in range(self.config.num_layers):
            tokens = getattr(self, f"block_{index}")(tokens)
        return self.ln_post(tokens[:, 0]) @ self.proj[...]

    def embed(self, images: jax.Array) -> jax.Array:
        """Describes pictures.

        Args:
          images: `[N, H, W, 3]` in [-1, 1], of any size; resized to `input_size` by
            bicubic interpolation, as the published preprocessing does.

        Returns:
          `[N, embedding_size]` of unit length.
        """
        images = image_checks.check_images(images)
        side = self.config.input_size
        if images.shape[1:3] != (side, side):
            images = resize.bicubic(images, side, antialias=True)
        normalized = preprocessing.normalize(images, "clip")
        return norms.safe_normalize(self(normalized))
