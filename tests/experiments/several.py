"""Calls a binary several times in one process of its own: imports cost once."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]

_SCRIPT = """
import contextlib, importlib, io, json, logging, sys
from absl import flags
from absl.testing import flagsaver
from experiments.launch import command_line

command_line.enable_compilation_cache()
binary = importlib.import_module(f"experiments.{sys.argv[1]}")
results = []
for arguments in json.load(sys.stdin):
    out, err, code = io.StringIO(), io.StringIO(), 0
    notes = logging.StreamHandler(err)
    logging.getLogger().addHandler(notes)
    with flagsaver.flagsaver(), contextlib.redirect_stdout(out), \\
            contextlib.redirect_stderr(err):
        try:
            code = binary.main(flags.FLAGS(["x", *arguments])) or 0
        except (command_line.UsageError, flags.Error) as error:
            code, text = 2, str(error)
            print(text, file=err)
        except (command_line.Failure, OSError, FloatingPointError) as error:
            code = 1
            print(error, file=err)
    logging.getLogger().removeHandler(notes)
    results.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(results))
"""


def call(binary, calls, place):
    """Exit code, output and errors of every call, what the person would see.

    Args:
      binary: its name.
      calls: the arguments of each.
      place: gets a cache of its own.
    """
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, binary],
        input=json.dumps(calls),
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(place / "cache"),
        },
        check=True,
    )
    results = [tuple(result) for result in json.loads(done.stdout.splitlines()[-1])]
    for arguments, result in zip(calls, results, strict=True):
        tell(f"{binary} {' '.join(map(str, arguments))}", place, *result)
    return results


def tell(what, place, code, out, error=""):
    """Notes what a person would see in the file that JAX_ENCODER_TELL names."""
    if not (path := os.environ.get("JAX_ENCODER_TELL")):
        return
    lines = [*out.strip().splitlines()[-2:], *error.strip().splitlines()[-3:]]
    text = "\n".join(f"    {line[:300]}" for line in lines)
    with open(path, "a") as file:
        file.write(f"{what} -> {code}\n{text}\n".replace(str(place), "."))
