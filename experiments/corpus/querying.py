"""Looks pictures of a store up: by their codes, attributes, verdicts and measures."""

import dataclasses
import heapq
import operator
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from experiments.launch import command_line
from experiments.stores import stores

_CONDITION = re.compile(r"^([\w+.-]+?)(<=|>=|!=|=|<|>)(.+)$")
_SIGNS = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclasses.dataclass(frozen=True)
class Condition:
    """What a row must satisfy: the value of a column, a sign, and a number or text."""

    column: str
    sign: str
    value: float | str

    def holds(self, row: Mapping[str, object]) -> bool:
        """Whether a row satisfies it; one without a value does not."""
        found = row.get(self.column)
        if found is None:
            return False
        if isinstance(self.value, float) != isinstance(found, int | float):
            return self.sign == "!="
        return _SIGNS[self.sign](found, self.value)


def parse(text: str, columns: Sequence[str]) -> Condition:
    """Reads "smile>0.5", "verdict=good", "psnr>=25".

    Args:
      text: of a flag.
      columns: of the store; attributes may be named without their prefix.

    Raises:
      UsageError: it does not read so, or there is no such column.
    """
    match = _CONDITION.match(text.strip())
    if match is None:
        raise command_line.UsageError(
            f"{text!r}: write COLUMN, one of = != < <= > >=, and a value."
        )
    name, sign, value = match.groups()
    name = name if name in columns else f"attribute_{name}"
    if name not in columns:
        raise command_line.UsageError(f"{text!r}: the store has {', '.join(columns)}.")
    try:
        return Condition(name, sign, float(value))
    except ValueError:
        if sign not in ("=", "!="):
            raise command_line.UsageError(
                f"{text!r}: {value!r} is no number."
            ) from None
        return Condition(name, sign, value)


def select(store: stores.Store, conditions: Sequence[Condition]) -> Iterator[dict]:
    """Yields the rows that satisfy all conditions, without their codes."""
    for rows in store.batches():
        for row in rows.drop_columns(
            [c for c in ("ws",) if c in rows.column_names]
        ).to_pylist():
            if all(condition.holds(row) for condition in conditions):
                yield row


def nearest(
    store: stores.Store,
    code: np.ndarray,
    num: int,
    conditions: Sequence[Condition] = (),
) -> list[dict[str, object]]:
    """The pictures whose codes are nearest to a code.

    Args:
      store: where to look; read once, a shard at a time.
      code: `[num_ws, w_dim]`.
      num: how many.
      conditions: that they must satisfy.

    Returns:
      Rows with "distance", the root mean square of the codes' difference; nearest
      first.
    """
    best: list[tuple[float, int, dict]] = []
    count = 0
    for rows, values, index in store.codes():
        difference = (values - code[None]).reshape(len(values), -1)
        distances = np.sqrt(np.square(difference).mean(axis=1))
        plain = rows.drop_columns([c for c in ("ws",) if c in rows.column_names])
        for k in np.argsort(distances, kind="stable"):
            distance = float(distances[k])
            if len(best) == num and distance >= -best[0][0]:
                break
            row = plain.slice(int(index[k]), 1).to_pylist()[0]
            if all(condition.holds(row) for condition in conditions):
                count += 1
                entry = (-distance, -count, row | {"distance": distance})
                (heapq.heappush if len(best) < num else heapq.heappushpop)(best, entry)
    return [row for *_, row in sorted(best, reverse=True)]


def code_of(store: stores.Store, name: str) -> np.ndarray | None:
    """The code of a picture, by its id; None where the store has none."""
    for rows, values, index in store.codes():
        ids = rows.column("id").to_pylist()
        if name in ids:
            found = np.flatnonzero(index == ids.index(name))
            return values[found[0]] if len(found) else None
    return None
