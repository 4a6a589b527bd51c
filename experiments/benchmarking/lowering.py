"""What a program will ask of a device that is not here, read off its StableHLO.

`jax.export` lowers for CUDA and TPU without either. What the device's compiler makes of
it stays unknown, but not what it is given: the layouts, types and shapes of the
convolutions, transposes of maps, gathers and scatters, double precision.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Sequence

import jax

from experiments.benchmarking import plain

PLATFORMS = {"cuda": "gpu", "tpu": "tpu", "cpu": "cpu"}
"""From the name that `jax.export` knows to the one of the backend."""

_BITS = {"i1": 8, "i8": 8, "ui8": 8, "bf16": 16, "f16": 16, "f32": 32, "i32": 32}
_BITS |= {"ui32": 32, "f64": 64, "i64": 64, "ui64": 64}
_FUNCTION = re.compile(r'func\.func (?:\w+ )?@("[^"]*"|[\w.$-]+)\(')
_OPERATION = re.compile(r'= "?(stablehlo\.\w+|call|func\.call)"?(.*)$')
_CALLED = re.compile(r'^ *@("[^"]*"|[\w.$-]+)\(')
_LOCATION = re.compile(r" loc\(.*$")
_TENSOR = re.compile(r"tensor<((?:\d+x)*)(\w+)>")
_DETAILS = re.compile(r"dim_numbers = (\[.*?\]x\[.*?\]->\[.*?\])|dims = (\[[^\]]*\])")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tensor:
    """The type of an array."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def num_bytes(self) -> int:
        """What it takes; booleans take a byte."""
        return math.prod(self.shape) * _BITS.get(self.dtype, 32) // 8

    def __str__(self) -> str:
        return "x".join(map(str, (*self.shape, self.dtype)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of a program.

    Attributes:
      name: without "stablehlo.": "convolution", "transpose", ...
      operands: the types of what it takes.
      results: the types of what it gives.
      layout: axes of a convolution (input x kernel -> output, "b" pictures, "f" and
        "i", "o" channels), the order of a transpose; else empty.
    """

    name: str
    operands: tuple[Tensor, ...]
    results: tuple[Tensor, ...]
    layout: str = ""


def lower(fn: Callable[..., object], args: tuple[object, ...], platform: str) -> str:
    """Lowers `fn` as the library would compute it on another platform.

    Args:
      fn: a function of pytrees of arrays.
      args: its arguments, or their shapes.
      platform: of `PLATFORMS`.

    Returns:
      The program as StableHLO text.
    """
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), args)
    with plain.as_on(PLATFORMS[platform]):
        program = jax.jit(lambda *a: fn(*a))
        return jax.export.export(program, platforms=[platform])(*shapes).mlir_module()


def read(text: str) -> collections.Counter[Operation]:
    """Counts the operations of a program.

    Those of a function count as often as it is called, those of a loop's body once.

    Args:
      text: StableHLO, as `lower` gives it.

    Returns:
      How often each operation is there.
    """
    bodies = _functions(text)
    total: collections.Counter[Operation] = collections.Counter()
    waiting = collections.Counter({"main": 1})
    while waiting:
        name, times = waiting.popitem()
        for kind, rest in _operations(bodies.get(name, ())):
            if called := _CALLED.match(rest) if kind.endswith("call") else None:
                waiting[called[1]] += times
            elif kind.startswith("stablehlo."):
                total[_operation(kind.removeprefix("stablehlo."), rest)] += times
    return total


def _operations(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each operation's kind and the text behind it, which ends with its types."""
    open_kinds = []  # Of a scatter and its like the types follow a region.
    for line in lines:
        if match := _OPERATION.search(line):
            if line.rstrip().endswith("({"):
                open_kinds.append(match[1])
            else:
                yield match[1], match[2]
        elif line.lstrip().startswith("})") and open_kinds:
            yield open_kinds.pop(), line


def _functions(text: str) -> dict[str, list[str]]:
    """The lines of every function, by its name."""
    bodies: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if match := _FUNCTION.search(line):
            lines = bodies.setdefault(match[1], [])
        else:
            lines.append(line)
    return bodies


def _operation(name: str, rest: str) -> Operation:
    found = _DETAILS.search(rest)
    signature = _LOCATION.sub("", rest).rpartition(" : ")[2]
    operands, arrow, results = signature.partition(" -> ")
    return Operation(
        name=name,
        operands=_tensors(operands),
        results=_tensors(results if arrow else operands),
        layout=(found[1] or found[2]) if found and name in _WITH_LAYOUT else "",
    )


_WITH_LAYOUT = ("convolution", "transpose")


def _tensors(text: str) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(shape=tuple(map(int, sides.split("x")[:-1])), dtype=dtype)
        for sides, dtype in _TENSOR.findall(text)
    )


def moved(operations: collections.Counter[Operation]) -> dict[str, int]:
    """Bytes that each kind of operation reads and writes, before anything is fused.

    Args:
      operations: as `read` counts them.

    Returns:
      Kind -> bytes, the most first.
    """
    total: collections.Counter[str] = collections.Counter()
    for op, times in operations.items():
        total[op.name] += times * sum(t.num_bytes for t in op.operands + op.results)
    return dict(total.most_common())


def suspects(operations: collections.Counter[Operation]) -> Iterator[tuple[str, int]]:
    """Yields what tends to be slow on an accelerator, with how often it is there.

    That is: convolutions in float32 beside ones in bfloat16, convolutions whose
    pictures are not `[N, H, W, C]`, transposes of maps (rank 4 with pictures or pixels
    moved, more than kernels are), gathers, scatters, and anything in float64.
    """
    convolutions = [op for op in operations if op.name == "convolution"]
    is_half = any(op.operands[0].dtype == "bf16" for op in convolutions)
    for op, times in operations.items():
        taken = " by ".join(map(str, op.operands[:2]))
        if any(tensor.dtype == "f64" for tensor in op.operands + op.results):
            yield f"{op.name} in float64: {taken}", times
        elif op.name in ("gather", "scatter"):
            yield f"{op.name}: {taken}", times
        elif op.name == "transpose" and not _is_kernel(op):
            yield f"transpose {op.layout}: {taken}", times
        elif op.name == "convolution":
            if is_half and op.operands[0].dtype == "f32":
                yield f"convolution in float32: {taken}", times
            if not op.layout.startswith("[b, 0, 1, f]"):
                yield f"convolution of {op.layout}: {taken}", times


def _is_kernel(op: Operation) -> bool:
    """Whether a transpose exchanges a kernel's channels: small, once a step."""
    return op.layout == "[0, 1, 3, 2]" and max(op.operands[0].shape[:2]) <= 7
