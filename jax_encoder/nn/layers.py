"""Layers shared by the StyleGAN networks.

Weights are stored at unit variance and scaled at run time, so that the optimizer sees
all of them alike ("equalized learning rate", Karras et al. 2018, Section 4.1).
"""

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.ops import activation as activations
from jax_encoder.ops import convolution


class FullyConnected(nnx.Module):
    """A dense layer with run-time scaling.

    Attributes:
      weight: `[I, O]`, unscaled.
      bias: `[O]`, divided by `lr_multiplier`.
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        *,
        activation: str = "linear",
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
        rngs: nnx.Rngs,
    ):
        shape = (num_in, num_out)
        self.weight = nnx.Param(rngs.params.normal(shape) / lr_multiplier)
        start = bias_init / lr_multiplier
        self.bias = nnx.Param(jnp.full((num_out,), start, jnp.float32))
        self.activation = activation
        self.lr_multiplier = lr_multiplier

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[N, I]` to `[N, O]`."""
        gain = self.lr_multiplier / self.weight.shape[0] ** 0.5
        y = x @ (self.weight[...] * gain)
        bias = self.bias[...] * self.lr_multiplier
        return activations.bias_act(y, bias, activation=self.activation)


class Conv2d(nnx.Module):
    """A convolution with run-time scaling, resampling and activation.

    Attributes:
      weight: `[K, K, I, O]`, unscaled.
      bias: `[O]`; absent in skip connections.
    """

    def __init__(
        self,
        num_in: int,
        num_out: int,
        kernel_size: int,
        *,
        use_bias: bool = True,
        activation: str = "linear",
        up: bool = False,
        down: bool = False,
        taps: tuple[float, ...] = (1, 3, 3, 1),
        clamp: float | None = None,
        rngs: nnx.Rngs,
    ):
        shape = (kernel_size, kernel_size, num_in, num_out)
        self.weight = nnx.Param(rngs.params.normal(shape))
        if use_bias:
            self.bias = nnx.Param(jnp.zeros((num_out,)))
        self.use_bias = use_bias
        self.activation = activation
        self.up = up
        self.down = down
        self.taps = taps
        self.clamp = clamp

    def __call__(self, x: jax.Array, gain: float = 1.0) -> jax.Array:
        """Maps `[N, H, W, I]` to `[N, H', W', O]`, scaled by `gain`."""
        size, _, num_in, _ = self.weight.shape
        kernel = (self.weight[...] / (num_in * size * size) ** 0.5).astype(x.dtype)
        if self.up:
            x = convolution.up_conv2d(x, kernel, taps=self.taps)
        elif self.down:
            x = convolution.down_conv2d(x, kernel, taps=self.taps)
        else:
            x = convolution.conv2d(x, kernel)
        bias = self.bias[...] if self.use_bias else None
        return activations.bias_act(
            x, bias, activation=self.activation, gain=gain, clamp=self.clamp
        )
