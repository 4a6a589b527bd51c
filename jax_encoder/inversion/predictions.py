"""Starts that a network predicts: an encoder, or a regressor, looks at the pictures."""

import jax
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.inversion import batching, starts
from jax_encoder.inversion.state import Models
from jax_encoder.nn import base, regressors


def predict(
    models: Models,
    space: str,
    network: base.Encoder,
    targets: jax.Array,
    labels: jax.Array | None = None,
) -> jax.Array:
    """Asks a network where to start.

    Args:
      models: the frozen networks; "identity" is asked first for a regressor of face
        descriptors.
      space: the searched space.
      network: from pictures `[N, R, R, 3]`, or descriptors `[N, D]`, to ws
        `[N, num_ws, w_dim]` or z `[N, z_dim]`; a module, or any function of pictures.
      targets: `[N, R, R, 3]` in [-1, 1].
      labels: `[N, c_dim]`; for predictions of z with conditional generators.

    Returns:
      values `[N, ...]`.

    Raises:
      ValueError: it predicts no codes of this generator.
    """
    if isinstance(network, nnx.Module):
        check(models, network)
        identity = models.networks["identity"] if _sees_descriptors(network) else None
        predicted = _predict(network, identity, targets)
    else:
        predicted = network(targets)
    if predicted.ndim == 2:
        return starts.from_z(models, space, predicted, labels)
    return starts.from_ws(models, space, predicted)


@jax.jit
def _predict(network, identity, targets):
    def ask(targets):
        return network(targets if identity is None else identity.embed(targets))

    return batching.map_batches(ask, targets, batching.smallest())


def check(models: Models, network: base.Encoder) -> None:
    """Refuses a network that predicts no codes, or another generator's.

    Raises:
      ValueError: says what it predicts and what is needed.
    """
    generator = models.generator.config
    kind = type(network).__name__
    inner = getattr(network, "encoder", network)
    config = getattr(inner, "config", None)
    num_ws, w_dim = getattr(config, "num_ws", None), getattr(config, "w_dim", None)
    if num_ws is None or w_dim is None or hasattr(inner, "synthesis"):
        raise InputError(
            f"This is a {kind}, which predicts no codes; give an encoder or a regressor"
            " from pictures to W+."
        )
    num_channels = getattr(config, "picture_channels", 3)
    if num_channels != 3:
        raise InputError(
            f"This encoder takes {num_channels} channels (sketches or"
            " segmentations), not pictures."
        )
    if getattr(config, "is_refining", False) and inner is network:
        raise InputError(
            "This encoder refines reconstructions of its own generator; give the whole"
            " checkpoint (ReStyle), with its decoder."
        )
    if _sees_descriptors(network) and "identity" not in models.networks:
        raise InputError(
            f"A {kind} predicts from face descriptors; name the network that makes them"
            ' in `networks` as "identity".'
        )
    wanted = (generator.num_ws, generator.w_dim) if num_ws else (generator.z_dim,)
    got = (num_ws, w_dim) if num_ws else (w_dim,)
    if got != wanted:
        raise InputError(
            f"It predicts codes of {list(got)}, but this generator's are"
            f" {list(wanted)}; give an encoder that was trained for this generator."
        )


def _sees_descriptors(network: base.Encoder) -> bool:
    """Whether a network looks at face descriptors instead of pictures."""
    return isinstance(network, regressors.DescriptorToLatent)
