"""The kinds of variables: a variable's kind says who may optimize it."""

from flax import nnx


class Buffer(nnx.Variable):
    """A constant of the network: running statistics, filters, the mean latent."""


class NoiseConst(Buffer):
    """A noise map `[H, W]` stored with the generator; a projector may optimize it."""
