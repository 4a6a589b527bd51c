"""Starts the driver of a Ray run, which must not import JAX, in the place of this one.

A driver that touches JAX would take the accelerators away from its own actors; this
process, which has read presets and bundles, has imported it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from experiments.corpus import corpus_flags, entry, layout
from experiments.launch import command_line, signals


def run(
    plan: corpus_flags.CorpusPlan, corpus: layout.Corpus, arguments: Sequence[str]
) -> None:
    """Runs the driver and waits for it.

    Args:
      plan: what was asked for.
      corpus: was prepared.
      arguments: of the command line.

    Raises:
      Failure: the driver failed; it has said why.
    """
    numbers = list(entry.retried(corpus)) if plan.is_retry else corpus.todo()
    task = {
        "root": str(corpus.root.absolute()),
        "arguments": list(arguments),
        "shards": numbers,
        "num_actors": plan.num_workers,
        "address": plan.ray_address,
    }
    if not numbers:
        return
    command = [sys.executable, "-m", "experiments.corpus.ray_driver"]
    environment = {
        **os.environ,
        "JAX_PLATFORMS_OF_ACTORS": os.environ.get("JAX_PLATFORMS", ""),
    }
    with (
        signals.saving(),
        subprocess.Popen(
            command, stdin=subprocess.PIPE, env=environment, text=True
        ) as driver,
    ):
        assert driver.stdin is not None
        driver.stdin.write(json.dumps(task))
        driver.stdin.close()
        code = driver.wait()
    if code:
        raise command_line.Failure(
            f"The Ray driver ended with {code}. Nothing that was finished is lost: the"
            " same command goes on."
        )
