"""A damaged compiled program is replaced, not warned about in every run."""

import os
import subprocess
import sys

_PROGRAM = """
import jax, sys
from experiments.launch import command_line
command_line.enable_compilation_cache(sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(jax.jit(lambda x: x * 2 + 1)(3.0))
"""


def _run(folder):
    command = [sys.executable, "-c", _PROGRAM, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_a_cut_program_is_made_again_once(tmp_path):
    folder = tmp_path / "programs"
    _run(folder)
    entries = {path: path.stat().st_size for path in folder.glob("*-cache")}
    assert entries
    for path in entries:
        os.truncate(path, 20)
    said = _run(folder)
    assert said.stdout == "7.0\n"
    assert "damaged: made again" in said.stderr
    assert "Traceback" not in said.stderr
    assert {path: path.stat().st_size > 20 for path in entries} == dict.fromkeys(
        entries, True
    )
    assert _run(folder).stderr == ""
