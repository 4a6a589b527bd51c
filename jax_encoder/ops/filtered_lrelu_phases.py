"""The filtered leaky ReLU without a single inserted zero, for CPUs.

The upsampled map is never interleaved: its `up` x `up` phases stay separate arrays,
each a short sum of shifted slices of the input, and the downsampling filter is a short
sum of shifted slices of phases. Everything happens on tiles that stay in the cache. The
backward pass runs the transposed sums and recomputes the phases, so that only the input
is kept. The plain twin is `filtered_lrelu.plain`.

All index arithmetic is in units of `up` upsampled samples, in which the input, the
phases and the output have the same rate. A stage is a table: for each of its outputs
the terms (which input, shift in units, which tap). Transposing the table gives the
backward stage.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jax_encoder.errors import InputError
from jax_encoder.ops import filtered_lrelu

Resampling = filtered_lrelu.Resampling
Table = tuple[tuple[tuple[int, int, int], ...], ...]
Lines = Sequence[Sequence[jax.Array]]


def up_table(resampling: Resampling, num_taps: int) -> Table:
    """One input to `up` phases."""
    up, rows = resampling.up, []
    for phase in range(up):
        first = phase + num_taps - 1 - resampling.padding[0]
        taps = range(first % up, num_taps, up)
        rows.append(tuple((0, first // up - j, tap) for j, tap in enumerate(taps)))
    return tuple(rows)


def down_table(resampling: Resampling, num_taps: int) -> Table:
    """`up` phases to `up / down` interleaved outputs."""
    up, down = resampling.up, resampling.down
    return tuple(
        tuple(
            ((down * s + m) % up, (down * s + m) // up, num_taps - 1 - m)
            for m in range(num_taps)
        )
        for s in range(up // down)
    )


def transpose(table: Table, num_inputs: int) -> Table:
    """The table of the transposed stage."""
    rows: list[list[tuple[int, int, int]]] = [[] for _ in range(num_inputs)]
    for output, terms in enumerate(table):
        for source, shift, tap in terms:
            rows[source].append((output, -shift, tap))
    return tuple(map(tuple, rows))


def _reach(table: Table) -> tuple[int, int]:
    """Least and greatest shift."""
    shifts = [shift for terms in table for _, shift, _ in terms]
    return min(shifts), max(shifts)


@dataclasses.dataclass(frozen=True)
class _Axis:
    """The tiles of one axis, in units.

    Attributes:
      size: of the result.
      tile: units of the result per tile.
      count: tiles.
    """

    size: int
    tile: int

    @property
    def count(self) -> int:
        return -(-self.size // self.tile)


def _axis(size: int, target: int) -> _Axis:
    """Tiles of equal size near the target; at least two, for `_apart` to hold."""
    count = max(2, round(size / target))
    return _Axis(size, -(-size // count))


def is_supported(
    up_filter: jax.Array, down_filter: jax.Array, resampling: Resampling
) -> bool:
    """Whether filters `[K]` are covered: an integer ratio, `up_filter` separable."""
    return (
        resampling.up > 1
        and resampling.up % resampling.down == 0
        and up_filter.ndim == 1
        and up_filter.shape[0] >= resampling.up
        and down_filter.shape[0] > 1
    )


@functools.partial(jax.jit, static_argnums=(3, 4))
def filtered_lrelu_phases(
    x: jax.Array,
    up_filter: jax.Array,
    down_filter: jax.Array,
    resampling: Resampling,
    tile: tuple[int, int] = (16, 32),
) -> jax.Array:
    """Upsamples, activates and downsamples.

    Args:
      x: `[N, H, W, C]`, bias added.
      up_filter: `[K]`; sums to one.
      down_filter: `[L]` (separable) or `[L, L]`; sums to one.
      resampling: the constants.
      tile: about so many rows and columns of the result at a time, in units.

    Returns:
      `[N, H', W', C]`. The filters get no gradient.

    Raises:
      ValueError: the case is not supported, or the map is too small.
    """
    if not is_supported(up_filter, down_filter, resampling):
        raise InputError(
            "Phases need `up` to be a multiple of `down` and a separable upsampling"
            f" filter of at least `up` taps: got {resampling},"
            f" {up_filter.shape=} and {down_filter.shape=}."
        )
    num_taps = up_filter.shape[0], down_filter.shape[0]
    return _run(x, up_filter, down_filter, _plan(x.shape, num_taps, resampling, tile))


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _run(
    x: jax.Array, up_filter: jax.Array, down_filter: jax.Array, plan: "_Plan"
) -> jax.Array:
    return _forward(x, up_filter, down_filter, plan)[0]


def _apart(index: jax.Array, stage: Callable, *args):
    """Runs a stage whose results are stored, not recomputed by every use of them.

    XLA fuses sums of slices into the sums that use them, at many times the work, and
    its CPU backend drops optimization barriers before it does. A condition that it
    cannot decide (`index` is a loop's) stops it. The benchmark's workload
    `filtered_lrelu` shows when it no longer does.
    """

    def zeros(*args):
        shapes = jax.eval_shape(stage, *args)
        return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

    return jax.lax.cond(index >= 0, stage, zeros, *args)


def _sums(
    sources: Sequence[jax.Array],
    table: Table,
    taps: jax.Array,
    axis: int,
    size: int,
    unit: int = 1,
) -> list[jax.Array]:
    """Runs a stage along one axis.

    Args:
      sources: the inputs, from unit `_reach(table)[0]` on.
      table: the stage.
      taps: the filter.
      axis: 0 or 1.
      size: units of the result.
      unit: elements per unit along the axis.

    Returns:
      One array per row of the table.
    """
    low, _ = _reach(table)
    results = []
    for terms in table:
        parts = (
            taps[tap]
            * jax.lax.slice_in_dim(
                sources[source],
                (shift - low) * unit,
                (shift - low + size) * unit,
                axis=axis,
            )
            for source, shift, tap in terms
        )
        results.append(functools.reduce(jnp.add, parts))
    return results


def _rows(
    sources: Lines, table: Table, taps: jax.Array, rows: int, index: jax.Array
) -> Lines:
    """The row half of a separable stage; leaves a two-dimensional one to `_columns`.

    Args:
      sources: `sources[row input][column input]`, from unit `_reach(table)[0]` on.
      table: the stage, the same for both axes.
      taps: `[L]`, or `[L, L]`.
      rows: units of the result.
      index: of the loop, for `_apart`.

    Returns:
      `[row output][column input]`, or `sources`.
    """
    if taps.ndim == 2:
        return sources

    def stage(sources):
        by_column = zip(*sources, strict=True)
        return [_sums(column, table, taps, 0, rows) for column in by_column]

    return list(zip(*_apart(index, stage, sources), strict=True))


def _columns(
    halves: Lines, table: Table, taps: jax.Array, sizes: tuple[int, int], unit: int
) -> Lines:
    """What `_rows` left to do: `results[row output][column output]`.

    Args:
      halves: of `_rows`.
      table: the stage.
      taps: `[L]`, or `[L, L]`.
      sizes: units of the result.
      unit: elements per unit along the columns.
    """
    rows, columns = sizes
    if taps.ndim == 1:
        return [_sums(line, table, taps, 1, columns, unit) for line in halves]
    low, _ = _reach(table)

    def part(row, column):
        (source_y, shift_y, tap_y), (source_x, shift_x, tap_x) = row, column
        start = (shift_y - low, (shift_x - low) * unit)
        stop = (start[0] + rows, start[1] + columns * unit)
        found = jax.lax.slice(halves[source_y][source_x], start, stop)
        return taps[tap_y, tap_x] * found

    return [
        [
            functools.reduce(jnp.add, itertools.starmap(part, itertools.product(r, c)))
            for c in table
        ]
        for r in table
    ]


def _tiled(
    tile_fn: Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array],
    batch: int,
    axes: tuple[_Axis, _Axis],
) -> jax.Array:
    """Puts together what `tile_fn(index, sample, row, column)` gives for every tile."""
    rows, columns = axes

    def body(index):
        sample, rest = jnp.divmod(index, rows.count * columns.count)
        row, column = jnp.divmod(rest, columns.count)
        return tile_fn(index, sample, row * rows.tile, column * columns.tile)

    tiles = jax.lax.map(body, jnp.arange(batch * rows.count * columns.count))
    high, wide, channels = tiles.shape[1:]
    tiles = tiles.reshape(batch, rows.count, columns.count, high, wide, channels)
    tiles = tiles.transpose(0, 1, 3, 2, 4, 5)
    return tiles.reshape(batch, rows.count * high, columns.count * wide, channels)


def _pad_to(
    x: jax.Array, low: tuple[int, int], stop: tuple[int, int], scale: int = 1
) -> jax.Array:
    """Pads `[N, H, W, C]` with zeros to cover units from `low` up to `stop`."""
    widths = [
        (-first * scale, last * scale - size, 0)
        for first, last, size in zip(low, stop, x.shape[1:3], strict=True)
    ]
    zero = jnp.zeros((), x.dtype)
    return jax.lax.pad(x, zero, ((0, 0, 0), *widths, (0, 0, 0)))


def _cut(
    padded: jax.Array, sample, row, column, sizes: tuple[int, int], unit: int
) -> jax.Array:
    """A float32 tile `[rows, columns * unit]` of `[N, R, C * unit]`."""
    start = (sample, row, column * unit)
    shape = (1, sizes[0], sizes[1] * unit)
    return jax.lax.dynamic_slice(padded, start, shape)[0].astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Everything static: tables, reaches and tiles, forward and backward."""

    resampling: Resampling
    up: Table
    down: Table
    out: tuple[int, int]
    outputs: tuple[_Axis, _Axis]
    inputs: tuple[_Axis, _Axis]

    @property
    def ratio(self) -> int:
        return self.resampling.up // self.resampling.down

    @property
    def low(self) -> int:
        """First unit of the padded input; serves forward and backward."""
        up, down = _reach(self.up), _reach(self.down)
        return min(up[0] + down[0], up[0] - up[1])

    @property
    def stop(self) -> tuple[int, int]:
        """The unit after the padded input."""
        up, down = _reach(self.up), _reach(self.down)
        ends = []
        for output, given in zip(self.outputs, self.inputs, strict=True):
            forward = output.count * output.tile + up[1] + down[1]
            backward = given.count * given.tile + up[1] - up[0]
            ends.append(max(forward, backward))
        return ends[0], ends[1]


def _plan(
    shape: Sequence[int],
    num_taps: tuple[int, int],
    resampling: Resampling,
    tile: tuple[int, int],
) -> _Plan:
    sides = shape[1:3]
    ratio = resampling.up // resampling.down
    out = [resampling.output_size(side, *num_taps) for side in sides]
    results = [_axis(-(-n // ratio), t) for n, t in zip(out, tile, strict=True)]
    given = [_axis(n, t) for n, t in zip(sides, tile, strict=True)]
    return _Plan(
        resampling=resampling,
        up=up_table(resampling, num_taps[0]),
        down=down_table(resampling, num_taps[1]),
        out=(out[0], out[1]),
        outputs=(results[0], results[1]),
        inputs=(given[0], given[1]),
    )


def _grow(sizes: tuple[int, int], margin: int) -> tuple[int, int]:
    return sizes[0] + margin, sizes[1] + margin


def _forward(
    x: jax.Array, up_filter: jax.Array, down_filter: jax.Array, plan: _Plan
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    resampling = plan.resampling
    channels = x.shape[3]
    padded = _pad_to(x, (plan.low, plan.low), plan.stop)
    padded = padded.reshape(*padded.shape[:2], -1)
    up_taps = (up_filter * resampling.up).astype(jnp.float32)
    down_taps = down_filter.astype(jnp.float32)
    (up_low, up_high), (down_low, down_high) = _reach(plan.up), _reach(plan.down)
    sizes = plan.outputs[0].tile, plan.outputs[1].tile
    inner = _grow(sizes, down_high - down_low)
    outer = _grow(inner, up_high - up_low)
    first = up_low + down_low - plan.low

    def tile_fn(index, sample, row, column):
        def rows_up():
            at = (row + first, column + first)
            part = _cut(padded, sample, *at, outer, channels)
            return _sums([part], plan.up, up_taps, 0, inner[0])

        def columns_up(*rows):
            return [
                [
                    filtered_lrelu.activate(phase, resampling)
                    for phase in _sums([line], plan.up, up_taps, 1, inner[1], channels)
                ]
                for line in rows
            ]

        phases = _apart(index, columns_up, *_apart(index, rows_up))
        halves = _rows(phases, plan.down, down_taps, sizes[0], index)
        y = _columns(halves, plan.down, down_taps, sizes, channels)
        return _interleave(y, sizes, channels).astype(x.dtype)

    y = _tiled(tile_fn, x.shape[0], plan.outputs)
    return y[:, : plan.out[0], : plan.out[1]], (padded, up_filter, down_filter)


def _interleave(
    parts: Sequence[Sequence[jax.Array]], sizes: tuple[int, int], channels: int
) -> jax.Array:
    """`parts[s][t]` `[S, T * C]` to `[S * R, T * R, C]`, s and t fastest."""
    ratio = len(parts)
    parts = [[part.reshape(*sizes, channels) for part in line] for line in parts]
    if ratio == 1:
        return parts[0][0]
    rows = [jnp.stack(line, axis=2) for line in parts]
    stacked = jnp.stack(rows, axis=1)
    return stacked.reshape(sizes[0] * ratio, sizes[1] * ratio, channels)


def _backward(
    plan: _Plan, residuals: tuple[jax.Array, ...], gradient: jax.Array
) -> tuple[jax.Array, ...]:
    padded, up_filter, down_filter = residuals
    resampling, ratio = plan.resampling, plan.ratio
    batch, channels = gradient.shape[0], gradient.shape[3]
    up_taps = (up_filter * resampling.up).astype(jnp.float32)
    down_taps = down_filter.astype(jnp.float32)
    up_back = transpose(plan.up, 1)
    down_back = transpose(plan.down, resampling.up)
    (up_low, up_high), (down_low, down_high) = _reach(up_back), _reach(down_back)
    sizes = plan.inputs[0].tile, plan.inputs[1].tile
    inner = _grow(sizes, up_high - up_low)
    outer = _grow(inner, down_high - down_low)
    wide = _grow(inner, up_high - up_low)
    low = up_low + down_low
    stop = tuple(axis.count * axis.tile + up_high + down_high for axis in plan.inputs)
    grid = _pad_to(gradient, (low, low), (stop[0], stop[1]), ratio)
    grid = grid.reshape(*grid.shape[:2], -1)

    def tile_fn(index, sample, row, column):
        def rows_up():
            # The phases from unit up_low on need the input from up_low - up_high on.
            first = up_low - up_high - plan.low
            at = (row + first, column + first)
            part = _cut(padded, sample, *at, wide, channels)
            return _sums([part], plan.up, up_taps, 0, inner[0])

        def spread():
            size = (outer[0] * ratio, outer[1])
            part = _cut(grid, sample, row * ratio, column, size, ratio * channels)
            part = part.reshape(outer[0], ratio, outer[1], ratio, channels)
            split = range(ratio)
            return [
                [part[:, s, :, t].reshape(outer[0], -1) for t in split] for s in split
            ]

        def through(rows, halves):
            """Columns of both filters, and the slope at every upsampled sample."""
            gradients = _columns(halves, down_back, down_taps, inner, channels)
            return [
                [
                    gradient * _slope(phase, resampling)
                    for phase, gradient in zip(
                        _sums([line], plan.up, up_taps, 1, inner[1], channels),
                        gradient_line,
                        strict=True,
                    )
                ]
                for line, gradient_line in zip(rows, gradients, strict=True)
            ]

        rows = _apart(index, rows_up)
        halves = _rows(spread(), down_back, down_taps, inner[0], index)
        phases = _apart(index, through, rows, halves)
        halves = _rows(phases, up_back, up_taps, sizes[0], index)
        dx = _columns(halves, up_back, up_taps, sizes, channels)
        return dx[0][0].reshape(*sizes, channels).astype(gradient.dtype)

    dx = _tiled(tile_fn, batch, plan.inputs)
    dx = dx[:, : plan.inputs[0].size, : plan.inputs[1].size]
    return dx, jnp.zeros_like(up_filter), jnp.zeros_like(down_filter)


def _slope(x: jax.Array, resampling: Resampling) -> jax.Array:
    """The derivative of `filtered_lrelu.activate`."""
    gain = resampling.gain
    slope = jnp.where(x < 0, resampling.slope * gain, gain)
    if resampling.clamp is None:
        return slope
    return jnp.where(jnp.abs(x * slope) > resampling.clamp, 0.0, slope)


_run.defvjp(_forward, _backward)
