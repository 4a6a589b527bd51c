"""Layers of the networks that look at pictures, in inference form.

Weights keep the names of the published files: `weight`, `bias`, `running_mean`,
`running_var`. Convolutions are HWIO, dense layers `[in, out]`.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.nn import variables
from jax_encoder.ops import convolution, formulations


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """`value` for both axes, unless it is already one per axis."""
    return (value, value) if isinstance(value, int) else value


class Conv(nnx.Module):
    """A convolution (correlation) of `[N, H, W, C]` arrays with zero padding.

    Attributes:
      weight: `[KH, KW, I, O]`.
      bias: `[O]`, or None.
      transformed: of the weight, in copies that `frozen.prepare` made.
    """

    transformed: variables.Buffer | None = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        use_bias: bool = True,
        rngs: nnx.Rngs,
    ):
        shape = (*pair(kernel_size), in_channels, out_channels)
        scale = (2.0 / (shape[0] * shape[1] * in_channels)) ** 0.5
        self.weight = nnx.Param(scale * rngs.params.normal(shape))
        self.bias = nnx.Param(jnp.zeros(out_channels)) if use_bias else None
        self.stride = stride
        self.padding = pair(padding)

    @property
    def is_same(self) -> bool:
        """Whether this is a 3x3 convolution that keeps the sides."""
        shape = self.weight.shape[:2]
        return shape == (3, 3) and self.stride == 1 and self.padding == (1, 1)

    def __call__(self, images: jax.Array) -> jax.Array:
        """`[N, H, W, in_channels] -> [N, h, w, out_channels]`."""
        images = self._convolve(images)
        if self.bias is not None:
            images = images + self.bias[...][None, None, None]
        return images

    def _convolve(self, images: jax.Array) -> jax.Array:
        if self.transformed is not None:
            kernel, transformed = self.weight[...], self.transformed[...]
            return formulations.conv2d(images, kernel, transformed=transformed)
        padding = [(p, p) for p in self.padding]
        return convolution.conv2d(
            images, self.weight[...], stride=self.stride, padding=padding
        )


class Linear(nnx.Module):
    """A dense layer; `gain` multiplies the stored weight at run time."""

    def __init__(
        self, in_features: int, out_features: int, *, gain: float = 1.0, rngs: nnx.Rngs
    ):
        scale = (1.0 / in_features) ** 0.5 / gain
        self.weight = nnx.Param(scale * rngs.params.normal((in_features, out_features)))
        self.bias = nnx.Param(jnp.zeros(out_features))
        self.gain = gain

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """`[..., in_features] -> [..., out_features]`."""
        outputs = inputs @ self.weight[...]
        if self.gain != 1.0:
            outputs = outputs * self.gain
        bias = self.bias[...]
        return outputs + bias.reshape((1,) * (outputs.ndim - 1) + bias.shape)


class BatchNorm(nnx.Module):
    """Batch normalization with its running statistics, over the last axis."""

    def __init__(self, num_features: int, *, epsilon: float = 1e-5):
        self.weight = nnx.Param(jnp.ones(num_features))
        self.bias = nnx.Param(jnp.zeros(num_features))
        self.running_mean = variables.Buffer(jnp.zeros(num_features))
        self.running_var = variables.Buffer(jnp.ones(num_features))
        self.epsilon = epsilon

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Normalizes `[..., num_features]` by the stored mean and variance."""
        scale = self.weight[...] * jax.lax.rsqrt(self.running_var[...] + self.epsilon)
        shift = self.bias[...] - self.running_mean[...] * scale
        shape = (1,) * (inputs.ndim - 1) + scale.shape
        return inputs * scale.reshape(shape) + shift.reshape(shape)


class PReLU(nnx.Module):
    """A leaky ReLU with one learnt slope per channel."""

    def __init__(self, num_features: int):
        self.weight = nnx.Param(jnp.full(num_features, 0.25))

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Applies the slopes to the negative part of `[..., num_features]`."""
        slopes = self.weight[...].reshape((1,) * (inputs.ndim - 1) + (-1,))
        return jnp.where(inputs >= 0, inputs, slopes * inputs)
