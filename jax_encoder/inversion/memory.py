"""How much memory a step of an inversion takes, told before it is compiled."""

import os
from typing import Any

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.inversion import rendering
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models

KEPT = 3.5
"""Bytes that a step holds, over those of the results of its convolutions; measured
with StyleGAN2 and LPIPS at 256 and 1024 pixels (3.3 and 3.5)."""

_SHARE = 0.9
_LEAST_SIDE = 32


def estimate(
    models: Models, config: ProjectorConfig, num: int, *, resolution: int | None = None
) -> int:
    """Estimates the activations of one step, within some 20 %.

    Nothing is computed: the networks are traced, and the results of their convolutions
    and matrix products counted.

    Args:
      models: the frozen networks.
      config: of the inversion.
      num: pictures rendered at once.
      resolution: at which they are rendered; default: in full.

    Returns:
      Bytes; the networks themselves come on top.
    """
    generator = models.generator.config

    def forward(models, ws):
        images = rendering.render(
            models.generator,
            ws,
            resolution=resolution,
            dtype=config.dtype,
            remat_from=config.remat_from,
        )
        return [term.prepare(models.networks, images) for term in config.terms]

    ws = jax.ShapeDtypeStruct((num, generator.num_ws, generator.w_dim), jnp.float32)
    return int(KEPT * _results(jax.make_jaxpr(forward)(models, ws).jaxpr, num))


def _results(jaxpr: Any, num: int) -> int:
    """Bytes of the results of convolutions and matrix products of `num` pictures.

    What has no axis of pictures, such as a sum over a kernel, does not count. Of blocks
    that are computed again for the gradient only the results are kept, and one of them
    at a time is at work.
    """
    total = at_work = 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name.startswith(("remat", "checkpoint")):
            avals = [variable.aval for variable in equation.outvars]
            total += sum(a.size * a.dtype.itemsize for a in avals)
            at_work = max(at_work, _results(equation.params["jaxpr"], num))
            continue
        if name in ("dot_general", "conv_general_dilated"):
            aval = equation.outvars[0].aval
            if num in aval.shape and not _is_multiplication(equation):
                total += aval.size * aval.dtype.itemsize
            continue
        if name in ("scan", "while", "custom_vjp_call"):
            # Strips and tiles: what is left of them is their result.
            avals = [variable.aval for variable in equation.outvars]
            total += sum(a.size * a.dtype.itemsize for a in avals)
            continue
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            total += _results(inner, num) if hasattr(inner, "eqns") else 0
    return total + at_work


def _is_multiplication(equation: Any) -> bool:
    """Whether an equation is a product that sums nothing."""
    if equation.primitive.name != "dot_general":
        return False
    (contracted, _), _ = equation.params["dimension_numbers"]
    return not contracted


def available_bytes() -> int | None:
    """Memory of the first device that may be used; None where it does not say."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    if jax.default_backend() != "cpu" or "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def choose_micro_batch(
    models: Models, config: ProjectorConfig, num: int, *, limit: int | None = None
) -> int | None:
    """Chooses how many pictures of a batch to render at once.

    On a CPU it is one: at 256 pixels four at once take 1.45 times as long, since they
    leave the cache, and a picture's result does not depend on the others' number.

    Args:
      models: the frozen networks.
      config: of the inversion; its `micro_batch` is an upper limit.
      num: pictures of the batch, on one device.
      limit: bytes that activations may take; default: nine tenths of what is free.

    Returns:
      A divisor of `num` that fits, for `ProjectorConfig.micro_batch`: as the
      configuration asks, or one on a CPU and the largest elsewhere. None: all at once.

    Raises:
      ValueError: what the configuration asks for, or even one picture, does not fit;
        says what would.
    """
    single = estimate(models, config, 1)
    is_cpu = jax.default_backend() == "cpu"
    most = min(config.micro_batch or (1 if is_cpu else num), num)
    free = limit
    if free is None:
        known = available_bytes()
        free = num * single if known is None else int(_SHARE * known)
    if single > free:
        raise InputError(_too_large(models, config, single, free))
    if config.micro_batch is not None and most * single > free:
        raise InputError(
            f"{most} pictures rendered at once take about {_mebibytes(most * single)}"
            f" and {_mebibytes(free)} are free: a micro-batch of {free // single} fits."
        )
    found = max(n for n in range(1, most + 1) if num % n == 0 and n * single <= free)
    return None if found == num and not is_cpu else found


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"


def _too_large(models, config, single: int, limit: int) -> str:
    """Says what does not fit, and the resolution that would."""
    fitting = [
        side
        for side in models.generator.config.render_resolutions
        if side >= _LEAST_SIDE and estimate(models, config, 1, resolution=side) <= limit
    ]
    remedy = "use a generator of a lower resolution"
    if config.dtype == "float32":
        remedy += ', or `dtype="bfloat16"`'
    if fitting:
        remedy = f"render coarsely, at {max(fitting)} pixels (`stages`), or {remedy}"
    return (
        f"One picture takes about {_mebibytes(single)} and {_mebibytes(limit)} are"
        f" free, so no batch fits: {remedy}."
    )
