"""The arguments that synthesis networks of all families take: noise, resolution."""

from collections.abc import Sequence
from typing import Literal

import jax

from jax_encoder.errors import InputError

Noise = Literal["const", "none"] | Sequence[jax.Array]


def select(
    noise: Noise, shapes: Sequence[tuple[int, int]]
) -> list[jax.Array | Literal["const", "none"]]:
    """Returns one entry per noisy layer, coarse to fine.

    Args:
      noise: "const" (the stored maps), "none", or one map `[H, W]` or `[N, H, W]` per
        layer.
      shapes: the sides of every layer's map.

    Returns:
      A list as long as `shapes`.

    Raises:
      ValueError: an unknown word, or maps that do not fit `shapes`.
    """
    if isinstance(noise, str):
        if noise not in ("const", "none"):
            raise InputError(
                f'`noise` must be "const", "none" or a list of maps: {noise!r}.'
            )
        return [noise] * len(shapes)
    got = [plane.shape for plane in noise]
    wanted = list(shapes)
    if [shape[-2:] for shape in got] != wanted or any(
        len(shape) not in (2, 3) for shape in got
    ):
        raise InputError(
            f"`noise` must hold {len(wanted)} maps [H, W] or [N, H, W] of the sides"
            f" {wanted}, got {got}."
        )
    return list(noise)


def check_resolution(resolution: int | None, known: Sequence[int]) -> None:
    """Refuses a resolution at which a network does not render.

    Args:
      resolution: the one asked for; None for the full one.
      known: those at which it can.

    Raises:
      ValueError: it is none of them.
    """
    if resolution is not None and resolution not in known:
        raise InputError(
            f"`resolution` must be one of {tuple(known)} for this network, got"
            f" {resolution}."
        )
