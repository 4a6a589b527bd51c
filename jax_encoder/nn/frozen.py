"""What can be computed once of networks that stay frozen over many steps."""

from typing import TypeGuard, TypeVar

import jax
from flax import nnx

from jax_encoder.nn import stylegan2, vision_layers
from jax_encoder.nn.variables import Buffer
from jax_encoder.ops import formulations, winograd

T = TypeVar("T")
_Convolution = stylegan2.StyleGAN2SynthesisLayer | vision_layers.Conv


def prepare(networks: T) -> T:
    """Transforms the kernels of frozen networks, where the backend gains by it.

    Call it inside the compiled program, before the loop over the steps: what a
    network has no use for at the sizes it then sees is not computed, and nothing is
    kept from one call to the next. Gradients with respect to activations are those of
    the networks as they were; do not optimize the weights of a prepared network.

    Args:
      networks: a pytree of modules, among other things.

    Returns:
      The same with prepared copies of the modules; weights are shared.
    """
    return jax.tree.map(
        lambda leaf: _prepare(leaf) if isinstance(leaf, nnx.Module) else leaf,
        networks,
        is_leaf=lambda leaf: isinstance(leaf, nnx.Module),
    )


def _prepare(network: nnx.Module) -> nnx.Module:
    copy = nnx.merge(*nnx.split(network))
    for _, layer in nnx.iter_modules(copy):
        if _is_convolution(layer) and formulations.has_transform(layer.weight[...]):
            layer.transformed = Buffer(winograd.transform(layer.weight[...]))
    return copy


def _is_convolution(layer: object) -> TypeGuard[_Convolution]:
    """Whether the layer takes a transformed kernel."""
    if isinstance(layer, stylegan2.StyleGAN2SynthesisLayer):
        return not layer.up
    return isinstance(layer, vision_layers.Conv) and layer.is_same
