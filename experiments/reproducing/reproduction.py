"""A run of `reproduce`: published rows, the demo's table, a report of both."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence

from experiments.launch import command_line
from experiments.reproducing import demo_table, published_numbers
from jax_encoder.inversion import presets
from jax_encoder.io import files, json_types

_DIGITS = {"seconds": 2, "psnr": 2, "frechet": 3}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What the flags of `reproduce` say; see there."""

    data: str = "reproduce_data"
    only: tuple[str, ...] = ()
    runs_published: bool = True
    runs_demo: bool = True
    num_pictures: int = 4
    max_steps: int = 1000
    command: str = ""


def run(task: Task, output_dir: str | os.PathLike[str]) -> int:
    """Runs what can be run; returns 1 if a number lies outside its tolerance."""
    output = files.make_directory(output_dir)
    results: list[published_numbers.Result] = []
    if task.runs_published:
        data = pathlib.Path(task.data)
        results += [
            published_numbers.check(row, data, output)
            for row in published_numbers.PUBLISHED
        ]
        results += published_numbers.configurations()
        for result in results:
            print(f"{result.verdict:>8}  {result.name}: {result.sentence}", flush=True)
        rows = [dataclasses.asdict(result) for result in results]
        files.write_json(output / "published.json", rows)
    table = _demo(task, output) if task.runs_demo else None
    text = report(results, table, task)
    files.write_bytes(output / "reproduction.md", text.encode())
    print(f"Written to {output}.")
    return int(any(result.verdict == "outside" for result in results))


def _demo(task: Task, output: pathlib.Path) -> dict[str, object]:
    """The table of the presets; rows that an earlier run wrote are kept."""
    names = task.only or presets.names()
    if unknown := set(names) - set(presets.names()):
        raise command_line.UsageError(
            f"--only={sorted(unknown)[0]}: the presets are"
            f" {', '.join(presets.names())}."
        )
    settings = {"num_pictures": task.num_pictures, "max_steps": task.max_steps}
    path = output / "demo.json"
    kept = json.loads(path.read_text()) if path.is_file() else {}
    if kept.get("settings") != settings:
        kept = {"settings": settings, "rows": {}}
    world = demo_table.make_world(task.num_pictures)
    kept["own"] = kept.get("own") or demo_table.own_errors(world)
    for name in names:
        if name in kept["rows"]:
            continue
        row = demo_table.measure(world, name, task.max_steps)
        kept["rows"][name] = row
        files.write_json(path, kept)
        print(", ".join(f"{k} {_shown(k, v)}" for k, v in row.items()), flush=True)
    return kept


def _shown(name: str, value: object) -> str:
    return value if isinstance(value, str) else f"{value:.{_DIGITS.get(name, 3)}f}"


def report(
    results: Sequence[published_numbers.Result],
    table: dict[str, object] | None,
    task: Task,
) -> str:
    """Both tables in Markdown."""
    lines = ["# Reproduction", "", f"    {task.command}", ""]
    if results:
        lines += ["## Published rows", "", "| row | expected | here |", "|---|---|---|"]
        lines += [
            f"| {r.name} ({r.source}) | {r.expected} | {r.verdict}: {r.sentence} |"
            for r in results
        ]
        commands = dict.fromkeys(r.command for r in results if r.verdict == "missing")
        lines += ["", "Their commands, once the files are there:", ""]
        lines += [f"    {command}" for command in commands]
    if table:
        lines += ["", *_demo_lines(table)]
    return "\n".join(lines) + "\n"


def _demo_lines(table: json_types.Row) -> list[str]:
    settings, own = table["settings"], table["own"]
    columns = ["num_steps", *demo_table.COLUMNS]
    lines = [
        "## Every preset on the demo",
        "",
        f"{settings['num_pictures']} of the generator's own pictures and as many"
        f" held-out renderings, at most {settings['max_steps']} steps.",
        "",
        f"| preset | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for name, row in table["rows"].items():
        cells = [str(row["num_steps"]), *(_shown(k, row[k]) for k in columns[1:])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Perfect codes would have an attribute error of {own['attribute_error']:.3f},"
        f" an edit effect of {own['edit_effect']:.3f} and leak {own['edit_leak']:.3f}.",
        "",
    ]
    return lines + [f"- {name}: {what}." for name, what in demo_table.COLUMNS.items()]
