"""One page that says what limits each row of an accelerator's measurements."""

from collections.abc import Iterable, Mapping

from jax_encoder.io import json_types

_BUSY = 0.5
_IDLE = 0.2


def page(report: Mapping[str, json_types.Json]) -> str:
    """Formats a report of `experiments.check_accelerator` as Markdown.

    Args:
      report: its JSON.

    Returns:
      Tables of every section and a verdict on every timed row.
    """
    machine, sections = report["machine"], report["sections"]
    lines = [
        f"# {machine['device']} x {machine['num_devices']}",
        "",
        f"{report['date']}, jax {report['versions']['jax']}, commit"
        f" {report['commit'] or 'unknown'}. {report['outcome']}"
        f" Programs were compiled {report['compilers']} at a time.",
        "",
        *_section("Parity", map(_parity, sections["parity"])),
        *_section("Peak rates", map(_peak, sections["peak"])),
        *_timed("Inversion step", sections["inversion"], sections["peak"]),
        *_section("PyTorch in turn", map(_peer, sections["peers"])),
        *_section("Throughput", map(_throughput, sections["throughput"])),
        *_timed("Other networks", sections["families"], sections["peak"]),
        *_section("Profile of a step", map(_operation, sections["profile"])),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, items: Iterable[str]) -> list[str]:
    found = [f"- {item}" for item in items]
    return [f"## {title}", "", *(found or ["- Nothing was measured."]), ""]


def _timed(title, rows, peaks) -> list[str]:
    peak = peaks[0] if peaks else {}
    return _section(title, (_step(row, peak) for row in rows))


def _either(row: Mapping[str, object]) -> str | None:
    """What is said of a row that holds no measurement."""
    if "error" in row:
        return f"{row['name']}: failed. {row['error']} ({row['where']})"
    return f"{row['name']}: left out. {row['skipped']}." if "skipped" in row else None


def _parity(row) -> str:
    return _either(row) or (
        f"{row['name']}: {row['error_share']:.1e} of the largest value, at most"
        f" {row['limit']:g}: {'right' if row['passes'] else 'WRONG'}"
    )


def _peak(row) -> str:
    if other := _either(row):
        return other
    rates = ", ".join(
        f"{dtype} {kind} {rate / 1e12:.3g} TFLOP/s"
        for dtype, kinds in row["flops"].items()
        for kind, rate in kinds.items()
    )
    return f"{rates}; memory {row['bytes_per_second'] / 1e9:.4g} GB/s"


def _step(row, peak) -> str:
    return _either(row) or (
        f"{row['name']}: {row['seconds'] * 1e3:.4g} ms,"
        f" {row['picture_steps_per_second']:.4g} pictures/s, compiled in"
        f" {row['compile_seconds']:.1f} s, {row['program_bytes'] / 2**20:.0f} MiB."
        f" {verdict(row, peak)}"
    )


def verdict(
    row: Mapping[str, json_types.Json], peak: Mapping[str, json_types.Json]
) -> str:
    """Says what limits a timed program: products, memory, or neither.

    Args:
      row: of `rows.measure`.
      peak: rates of "flops" and "bytes_per_second"; may lack both.

    Returns:
      A sentence with the shares of the peaks that it rests on.
    """
    work = row.get("utilization")
    moved, rate = row.get("moved_bytes"), peak.get("bytes_per_second")
    memory = moved / row["seconds"] / rate if moved and rate else None
    known = " and ".join(
        f"{share:.0%} of {what}"
        for share, what in ((work, "the products'"), (memory, "the memory's"))
        if share is not None
    )
    if not known:
        return "Its limit is unknown: no peak was measured."
    busiest = max(work or 0.0, memory or 0.0)
    if busiest >= _BUSY:
        cause = "Products" if busiest == work else "Memory"
        return f"{cause} limit it: {known} peak rate."
    if busiest < _IDLE:
        return f"Starts of small operations limit it, or waiting: {known} peak rate."
    return f"Nothing alone limits it: {known} peak rate."


def _peer(row) -> str:
    if other := _either(row):
        return other
    if row.get("reference_ratio") is None:
        return f"{row['name']}: the peer has no such step."
    return (
        f"{row['name']}: {row['reference_seconds'] * 1e3:.4g} ms against our"
        f" {row['seconds'] * 1e3:.4g} ms, {row['reference_ratio']:.2f} times"
    )


def _throughput(row) -> str:
    return _either(row) or (
        f"`{row['preset']}` at {row['resolution']} pixels, {row['batch']} at once,"
        f" {row['evaluations']} evaluations: {row['pictures_per_hour']:.0f} pictures an"
        f" hour (computed from runs of {' and '.join(row['computed_from'])})"
    )


def _operation(row) -> str:
    return _either(row) or (
        f"{row['operation']}: {row['share']:.1%}, {row['seconds'] * 1e3:.4g} ms in"
        f" {row['times']:g} calls"
    )
