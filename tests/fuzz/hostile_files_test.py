"""Two hundred hostile files and more: each refused, or read right, in time and memory.

    pytest -m "slow or not slow" tests/fuzz/hostile_files_test.py

Every file is read in a fork of its own, whose processor time and memory are measured.
"""

import json
import os
import pathlib
import resource
import sys
import time

import pytest

from fuzz import hostile, hostile_own, hostile_readers

MAX_SECONDS, MAX_MEBIBYTES = 5.0, 1024


def _resident():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _attempt(reader, path):
    """The outcome in words, seconds of processor time, mebibytes more than before."""
    before, start = _resident(), time.process_time()
    try:
        hostile_readers.read(reader, path)
        outcome = "read"
    except hostile_readers.refusals() as error:
        outcome = "refused" if len(str(error)) < 3000 else "a refusal without end"
    except BaseException as error:
        outcome = f"raised {type(error).__name__}: {str(error)[:300]}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return outcome, time.process_time() - start, peak - before


def measured(reader, path):
    """`_attempt` in a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(_attempt(reader, path)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    return json.loads(content) if content else ("died", 0.0, 0.0)


def _measures(files, folder):
    """Yields the name, the outcome and the cost of every file."""
    hostile_readers.prepare()
    for name, content in files:
        reader = name.partition(":")[0]
        path = folder / f"w{hostile_readers.ENDINGS.get(reader, '.pt')}"
        path.write_bytes(content)
        yield (name, *measured(reader, path))


def _is_wrong(outcome, seconds, size):
    """Whether a file ends otherwise, or costs more, than it may."""
    is_right = outcome in ("read", "refused")
    return not is_right or seconds > MAX_SECONDS or size > MAX_MEBIBYTES


def test_there_are_enough_of_them():
    assert len(hostile.SORTS) + len(hostile_own.SORTS) >= 24


@pytest.mark.slow
def test_every_hostile_file(tmp_path):
    found = list(_measures(hostile.draw(), tmp_path))
    assert len(found) >= 400
    wrong = [row for row in found if _is_wrong(*row[1:])]
    assert not wrong, "\n".join(map(str, wrong))


def _table(part, folder):
    """Prints a line per sort: files, refusals, and the most that one cost."""
    rows = {}
    for name, outcome, seconds, size in _measures(hostile.draw(part), folder):
        sort = name.rpartition(",")[0]
        count, refused, longest, largest = rows.get(sort, (0, 0, 0.0, 0.0))
        refused += outcome == "refused"
        rows[sort] = count + 1, refused, max(longest, seconds), max(largest, size)
        if _is_wrong(outcome, seconds, size):
            sys.stdout.write(
                f"WRONG {name}: {outcome} {seconds:.1f} s {size:.0f} MiB\n"
            )
            sys.stdout.flush()
    for sort, (count, refused, longest, largest) in rows.items():
        sys.stdout.write(
            f"{sort}: {count} files, {refused} refused, at most {longest:.2f} s,"
            f" {largest:.0f} MiB\n"
        )
    sys.stdout.write(f"{sum(row[0] for row in rows.values())} files\n")


if __name__ == "__main__":
    _table(sys.argv[1] if len(sys.argv) > 1 else "", pathlib.Path("/dev/shm"))
