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

from fuzz import hostile, own_files

MAX_SECONDS, MAX_MEBIBYTES = 5.0, 1024
_ENDINGS = {"directions": ".npz", "points": ".json", "journal": ".jsonl"}


def _read(reader, path):
    """Reads a file as its reader's binaries do."""
    import converters
    from experiments.runs import saved_files
    from jax_encoder.alignment import point_files
    from jax_encoder.editing import direction_files
    from jax_encoder.io import loading
    from jax_encoder.latents import statistics

    if reader == "checkpoint":
        str(converters.inspect(path))
        converters.load(path)
    elif reader == "codes":
        converters.load_codes(path)
    else:
        {
            "directions": direction_files.load,
            "statistics": statistics.load,
            "json": loading.read_json,
            "arrays": loading.read,
            "points": point_files.read,
            "journal": lambda p: saved_files.read_list(p.read_bytes(), p),
        }[reader](path)


def _resident():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _attempt(reader, path):
    """The outcome in words, seconds of processor time, mebibytes more than before."""
    before, start = _resident(), time.process_time()
    try:
        _read(reader, path)
        outcome = "read"
    except own_files.refusals() as error:
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


def _wrong(names, files, folder):
    """Yields the files that end otherwise, or cost more, than they may."""
    for name in names:
        reader = name.partition(":")[0]
        path = folder / f"w{_ENDINGS.get(reader, '.pt')}"
        path.write_bytes(files[name])
        outcome, seconds, size = measured(reader, path)
        is_right = outcome in ("read", "refused")
        if not is_right or seconds > MAX_SECONDS or size > MAX_MEBIBYTES:
            yield name, outcome, round(seconds, 1), round(size)


def test_there_are_enough_of_them():
    assert len(hostile.SORTS) >= 12


@pytest.mark.slow
def test_every_hostile_file(tmp_path):
    files = hostile.make()
    assert len(files) >= 200
    wrong = list(_wrong(files, files, tmp_path))
    assert not wrong, "\n".join(map(str, wrong))


if __name__ == "__main__":
    made = hostile.make()
    chosen = [name for name in made if len(sys.argv) < 2 or sys.argv[1] in name]
    place = pathlib.Path("/dev/shm")
    for row in _wrong(chosen, made, place):
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen)} files\n")
