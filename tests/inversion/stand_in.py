"""A small perceptual network with the interface of LPIPS."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.ops import convolution


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StandIn:
    """A strided convolution; it stood in for VGG when the fixtures were recorded."""

    kernel: jax.Array
    bias: jax.Array

    def features(self, images):
        x = convolution.conv2d(images, self.kernel, stride=2, padding=[(1, 1), (1, 1)])
        x = jax.nn.leaky_relu(x + self.bias[None, None, None], 0.2)
        x = x.reshape(x.shape[0], -1)
        return x / x.shape[1] ** 0.5

    def __call__(self, a, b):
        return self.distance(self.features(a), self.features(b))

    def distance(self, features_a, features_b):
        return jnp.sum(jnp.square(features_a - features_b), axis=1)


def from_fixture(io) -> StandIn:
    kernel = np.asarray(io["feat_kernel"]).transpose(2, 3, 1, 0)
    return StandIn(jnp.asarray(kernel), jnp.asarray(io["feat_bias"]))


def random(width=8) -> StandIn:
    kernel = jax.random.normal(jax.random.key(3), (3, 3, 3, width))
    return StandIn(kernel, jnp.zeros((width,)))
