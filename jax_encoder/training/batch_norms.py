"""Batch normalization while a network learns.

Networks normalize by stored statistics. While one is trained from nothing, batches must
be normalized by their own, and the stored ones follow (Ioffe and Szegedy 2015,
arXiv:1502.03167).
"""

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.nn import base, vision_layers
from jax_encoder.nn.variables import Buffer

_MOMENTUM = 0.1


class _LearningNorm(vision_layers.BatchNorm):
    """Shares its weights with the layer that it stands for.

    The statistics are copies, made where the layer is used: a variable of outside a
    transformation must not be changed inside.
    """

    def __init__(self, layer: vision_layers.BatchNorm):
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean = Buffer(layer.running_mean[...])
        self.running_var = Buffer(layer.running_var[...])
        self.epsilon = layer.epsilon

    def __call__(self, inputs: jax.Array) -> jax.Array:
        axes = tuple(range(inputs.ndim - 1))
        mean, variance = jnp.mean(inputs, axes), jnp.var(inputs, axes)
        num = inputs.size // inputs.shape[-1]
        unbiased = variance * (num / max(num - 1, 1))
        for stored, new in (
            (self.running_mean, mean),
            (self.running_var, unbiased),
        ):
            kept = (1.0 - _MOMENTUM) * stored[...]
            stored.set_value(kept + _MOMENTUM * jax.lax.stop_gradient(new))
        scale = self.weight[...] * jax.lax.rsqrt(variance + self.epsilon)
        shift = self.bias[...] - mean * scale
        shape = (1,) * (inputs.ndim - 1) + scale.shape
        return inputs * scale.reshape(shape) + shift.reshape(shape)


def learning(network: base.Network) -> base.Network:
    """Returns a copy that normalizes by batches and moves its stored statistics.

    For use inside a function that is differentiated: make the copy, call it, and take
    the moved statistics out with `stored`.

    Args:
      network: any module; its variables are not changed.
    """
    copy = nnx.merge(*nnx.split(network))
    layers = [
        (path, layer)
        for path, layer in nnx.iter_modules(copy)
        if isinstance(layer, vision_layers.BatchNorm)
    ]
    for path, layer in layers:
        parent = copy
        for name in path[:-1]:
            parent = getattr(parent, str(name))
        setattr(parent, str(path[-1]), _LearningNorm(layer))
    return copy


def stored(network: nnx.Module) -> base.Tree:
    """Returns all variables that are not trained, the statistics among them."""
    return nnx.split(network, nnx.Param, ...)[2]
