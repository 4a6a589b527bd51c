"""What a query of a store prints."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence


def show(rows: Sequence[Mapping[str, object]], form: str) -> None:
    """Prints rows.

    Args:
      rows: columns by name.
      form: "table", "json" or "csv".
    """
    if form == "json":
        print("\n".join(json.dumps(row) for row in rows))
        return
    shown = ("id", "distance", "status", "verdict", "psnr", "lpips", "reason")
    used = [
        name for name in shown if any(row.get(name) not in (None, "") for row in rows)
    ]
    if form == "csv":
        used = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(sys.stdout, used)
        writer.writeheader()
        writer.writerows(rows)
        return
    lines = [used, *([_text(row.get(name)) for name in used] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines if rows else ():
        cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _text(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value or "-")
