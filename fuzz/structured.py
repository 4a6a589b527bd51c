"""Runs the readers on files of the grammars, and counts.

    python -m fuzz.structured --seconds=600 --folder=findings

Anything but success or a ConversionError is a finding, and so are more than 5 seconds
or 1 GiB: the file is then written to the folder. Needs no extra package; `fuzz.readers`
is the coverage-guided fuzzer, whose seeds these files join.
"""

import argparse
import collections
import pathlib
import resource
import sys
import time
import traceback

from fuzz import grammars, readers

_MAX_SECONDS = 5.0
MAX_KIBIBYTES = 1 << 20


def run(seconds: float, first_seed: int = 0, folder: pathlib.Path | None = None):
    """Draws and reads files for a while.

    Args:
      seconds: how long.
      first_seed: of the draws, which count up from it.
      folder: where findings are written.

    Returns:
      How often each outcome occurred ("pickle accepted", "npy refused", ...), and the
      names of the findings.
    """
    counts: collections.Counter[str] = collections.Counter()
    findings = []
    end, seed = time.monotonic() + seconds, first_seed
    while time.monotonic() < end:
        for name in grammars.GRAMMARS:
            content = grammars.make(name, seed)
            outcome = attempt(content)
            counts[f"{name} {outcome.splitlines()[0]}"] += 1
            if outcome not in ("accepted", "refused"):
                findings.append(f"{name}_{seed}")
                if folder is not None:
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / findings[-1]).write_bytes(content)
                    (folder / f"{findings[-1]}.txt").write_text(outcome)
        seed += 1
    return counts, findings


def attempt(content: bytes) -> str:
    """Reads one file: "accepted", "refused", or what went wrong."""
    start, before = time.process_time(), peak_memory()
    try:
        outcome = "accepted" if readers.check(content) else "refused"
    except Exception:
        return f"raised\n{traceback.format_exc()}"
    if time.process_time() - start > _MAX_SECONDS:
        return "slow"
    # What the process held before, in a test much else, is not the file's.
    if peak_memory() - before > MAX_KIBIBYTES:
        return "large"
    return outcome


def peak_memory() -> int:
    """The largest memory of this process so far, in kibibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Runs and prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--folder", type=pathlib.Path, default=None)
    options = parser.parse_args()
    counts, findings = run(options.seconds, options.first_seed, options.folder)
    for outcome, count in sorted(counts.items()):
        sys.stdout.write(f"{outcome}: {count:,}\n")
    total = f"{sum(counts.values()):,} files, {len(findings)} findings"
    sys.stdout.write(f"{total} {findings[:20]}\n")


if __name__ == "__main__":
    main()
