"""Lists what checkpoint files hold, without running or building anything.

python -m experiments.inspect_checkpoint network.pkl encoder.pt
"""

import sys

import converters
from experiments.launch import command_line, flag_types

_NUM_ENTRIES = flag_types.define_integer(
    "num_entries", 1000, "How many entries to print per file.", lower_bound=0
)


def main(argv):
    """Inspects; returns the exit code."""
    if len(argv) < 2:
        raise command_line.UsageError("Name at least one checkpoint file.")
    code = 0
    for path in argv[1:]:
        try:
            lines = str(converters.inspect(path)).splitlines()
        except converters.ConversionError as error:
            print(error, file=sys.stderr)
            code = 1
            continue
        shown = lines[: 2 + _NUM_ENTRIES.value]
        print("\n".join(shown))
        if len(lines) > len(shown):
            print(f"  ... {len(lines) - len(shown)} more")
    return code


if __name__ == "__main__":
    command_line.run(main)
