"""Floating-point operations, counted from the model.

What counts are the multiplications and additions of dense convolutions and matrix
products in the plain formulation, read off the program as traced: zeros that a
transposed convolution inserts or that fill up channels do not count, nor do filters
(one channel at a time) and elementwise work. A formulation with fewer products thus
shows as a higher rate.
"""

import math
from collections.abc import Callable
from typing import Any

import jax

from experiments.benchmarking import plain


def count(fn: Callable[..., object], *args: object) -> float:
    """Counts the operations of `fn(*args)`; nothing is computed.

    Args:
      fn: a function of pytrees of arrays.
      args: its arguments, or their shapes.

    Returns:
      Floating-point operations.
    """
    with plain.without():
        return _count(jax.make_jaxpr(fn)(*args).jaxpr)


def _count(jaxpr: Any) -> float:
    total = 0.0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "dot_general":
            total += _dot(equation)
        elif name == "conv_general_dilated":
            total += _convolution(equation)
        else:
            times = equation.params["length"] if name == "scan" else 1
            total += times * sum(_count(inner) for inner in _inner(equation))
    return total


def _inner(equation: Any) -> list[object]:
    """The programs inside an equation."""
    if equation.primitive.name == "cond":
        return [equation.params["branches"][0].jaxpr]
    found = [getattr(v, "jaxpr", v) for v in equation.params.values()]
    return [value for value in found if hasattr(value, "eqns")]


def _dot(equation: Any) -> float:
    (contracted, _), _ = equation.params["dimension_numbers"]
    if not contracted:
        return 0.0
    left = equation.invars[0].aval.shape
    depth = math.prod(left[axis] for axis in contracted)
    return 2.0 * depth * math.prod(equation.outvars[0].aval.shape)


def _convolution(equation: Any) -> float:
    numbers = equation.params["dimension_numbers"]
    kernel = equation.invars[1].aval.shape
    depth = kernel[numbers.rhs_spec[1]]
    if depth == 1:
        return 0.0
    taps = math.prod(kernel[axis] for axis in numbers.rhs_spec[2:])
    outputs = math.prod(equation.outvars[0].aval.shape)
    zeros = math.prod(equation.params["lhs_dilation"])
    return 2.0 * depth * taps * outputs / zeros
