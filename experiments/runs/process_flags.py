"""The flags of several processes: they need nothing of each other any more."""

import dataclasses

from absl import flags

from experiments.launch import command_line, flag_types
from experiments.runs import jobs

_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "Of earlier versions: processes need no coordinator."
)
_NUM_PROCESSES = flag_types.define_integer(
    "num_processes", None, "How many share a run; any number may, at any time.", 1
)
_PROCESS_ID = flag_types.define_integer(
    "process_id", None, "Which one this is, from 0; those after 0 take --resume.", 0
)
FLAGS = (_COORDINATOR, _NUM_PROCESSES, _PROCESS_ID)


def fit(job: jobs.InversionJob) -> jobs.InversionJob:
    """A job as one of several processes does it, where the flags tell of several.

    Args:
      job: what to do.

    Raises:
      UsageError: the numbers contradict each other.
    """
    num, index = _NUM_PROCESSES.value, _PROCESS_ID.value
    if (num is None) != (index is None) or (_COORDINATOR.value and num is None):
        raise command_line.UsageError(
            "--num_processes and --process_id go together; or leave both out, and start"
            " the same command with --resume as often as you like."
        )
    if not index:
        return job
    if num is not None and index >= num:
        raise command_line.UsageError(f"--process_id={index} of {num}: count from 0.")
    options = dataclasses.replace(job.options, resume=True, overwrite=False)
    return dataclasses.replace(job, options=options)
