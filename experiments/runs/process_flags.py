"""The flags by which several processes share a run."""

from absl import flags

from experiments.launch import flag_types
from experiments.runs import processes

_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of the first of several processes that share a run."
)
_NUM_PROCESSES = flag_types.define_integer(
    "num_processes", None, "How many share it.", 1
)
_PROCESS_ID = flag_types.define_integer(
    "process_id", None, "Which one this is, from 0.", 0
)
FLAGS = (_COORDINATOR, _NUM_PROCESSES, _PROCESS_ID)


def join() -> None:
    """Joins the other processes, if the flags name any; see `processes.join`."""
    processes.join(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
