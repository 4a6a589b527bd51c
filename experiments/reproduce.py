"""Reproduces published numbers, and measures every preset where the truth is known.

    python -m experiments.reproduce --data=reproduce_data --output_dir=reproduced
    python -m experiments.reproduce --nopublished --max_steps=100

Of every published row: the command, the files that it needs, the number that is
expected and its tolerance; it is run where the files lie in --data, and where they do
not, a sentence says which. Then every preset on the demo's own world, where code and
attributes are known; rows that an earlier run with the same settings has written are
kept. Results: `reproduction.md`, `published.json`, `demo.json`. Exit code: 0 done, 1 a
number lies outside its tolerance, 2 bad usage.
"""

import shlex
import sys

from absl import flags

from experiments.launch import command_line, flag_types, outputs
from experiments.reproducing import reproduction

_DATA = flags.DEFINE_string("data", "reproduce_data", "Where the published files lie.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "reproduced", "Where to write.")
_PUBLISHED = flags.DEFINE_boolean("published", True, "Look at the published rows.")
_DEMO = flags.DEFINE_boolean("demo", True, "Measure the presets on the demo.")
_ONLY = flags.DEFINE_list("only", [], "The presets to measure; default: all.")
_NUM = flag_types.define_integer(
    "num_pictures", 4, "How many pictures of each of two kinds to invert.", 2, 1000
)
_STEPS = flag_types.define_integer(
    "max_steps", 1000, "The most steps that a preset may take.", 1
)


def main(argv):
    """Runs and reports; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if not _DEMO.value:
        command_line.refuse([_ONLY, _NUM, _STEPS], "--nodemo leaves the table out")
    if not _PUBLISHED.value:
        command_line.refuse([_DATA], "--nopublished leaves those rows out")
    task = reproduction.Task(
        data=_DATA.value,
        only=tuple(_ONLY.value),
        runs_published=_PUBLISHED.value,
        runs_demo=_DEMO.value,
        num_pictures=_NUM.value,
        max_steps=_STEPS.value,
        command=shlex.join(["python", "-m", "experiments.reproduce", *sys.argv[1:]]),
    )
    return reproduction.run(task, outputs.claim(_OUTPUT_DIR.value))


if __name__ == "__main__":
    command_line.run(main)
