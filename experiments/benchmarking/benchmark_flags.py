"""The flags of a benchmark: what is timed, how, and against what."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import jax
from absl import flags

from experiments.benchmarking import cases, plain, rows
from experiments.launch import command_line, flag_types
from jax_encoder.errors import InputError
from jax_encoder.ops import backends

_WORKLOADS = flags.DEFINE_list(
    "workloads",
    ["inversion"],
    f"What to time: all, or of {', '.join(cases.WORKLOADS)}.",
)
_FAMILIES = flags.DEFINE_list(
    "families", ["stylegan2"], f"Generators, of {', '.join(cases.FAMILIES)}."
)
_RESOLUTIONS = flags.DEFINE_list(
    "resolutions", ["256"], "The sides of the pictures in pixels."
)
_BATCHES = flags.DEFINE_list(
    "batches", ["1"], "How many pictures are computed at once."
)
_DTYPES = flags.DEFINE_list(
    "dtypes", ["float32"], "The type of the convolutions: float32 or bfloat16."
)
_STAGES = flags.DEFINE_string(
    "stages", "", "Also time inversions from coarse to fine: SHARE:RESOLUTION,..."
)
_LAYERS = flags.DEFINE_list(
    "layers",
    [],
    "Which layers of filtered_lrelu to time, by number; default: the busiest.",
)
_SIZE = flags.DEFINE_enum(
    "size", "full", ["full", "small"], "How large the networks are."
)
_FORMULATIONS = flags.DEFINE_enum(
    "formulations", "fast", ["fast", "plain"], "How the convolutions are computed."
)
_WITHOUT = flags.DEFINE_list(
    "without",
    [],
    "Time the same in turn, as the reference, without these formulations:"
    f" {', '.join(plain.SPECIAL)}.",
)
_REPEATS = flag_types.define_integer(
    "repeats", 5, "How often each program is timed.", 1
)
_STEPS = flag_types.define_integer(
    "steps", 5, "How many steps of an inversion a call takes.", 1
)
_MAX_SECONDS = flag_types.define_number(
    "max_seconds", 120, "The most seconds that the calls of one program may take.", 0
)
_CACHE = flags.DEFINE_boolean(
    "cached", True, "Also time the start of a program from the cache."
)
_PEAK = flags.DEFINE_boolean(
    "peak", True, "Measure the peak that utilization refers to."
)
_THREADS = flag_types.define_integer(
    "threads", None, "How many processors to pin the process to.", 1
)
_REFERENCE = flags.DEFINE_string(
    "reference", None, "MODULE:FUNCTION that is timed in turn."
)


def pin() -> None:
    """Pins this process, where the flags say so, before the backend starts."""
    if _THREADS.value:
        rows.pin(_THREADS.value)


def reference() -> Callable[..., Callable[[], object] | None] | None:
    """Returns what is timed in turn, if anything is.

    Raises:
      UsageError: two references, or formulations that there are not.
    """
    _check_without()
    return rows.load_reference(_REFERENCE.value) if _REFERENCE.value else None


def options() -> rows.TimingOptions:
    """Returns how to measure."""
    return rows.TimingOptions(
        num_repeats=_REPEATS.value,
        num_steps=_STEPS.value,
        max_seconds=_MAX_SECONDS.value,
        with_cache=_CACHE.value,
        without=tuple(_WITHOUT.value),
    )


def formulations() -> AbstractContextManager:
    """Returns the context in which everything is compiled."""
    is_plain = _FORMULATIONS.value == "plain"
    return plain.without() if is_plain else contextlib.nullcontext()


def peak_types() -> list[str]:
    """Returns the types whose peak is measured."""
    return _DTYPES.value if _PEAK.value else []


def about() -> dict[str, object]:
    """Returns JSON values on the run, for its file."""
    noted = (_FORMULATIONS, _REFERENCE, _WITHOUT, _THREADS)
    return {flag.name: flag.value for flag in noted}


def _check_without() -> None:
    """Refuses formulations that there are not, and two references at once."""
    if unknown := set(_WITHOUT.value) - set(plain.SPECIAL):
        raise command_line.UsageError(
            f"--without={sorted(unknown)}: choose of {', '.join(plain.SPECIAL)}."
        )
    if _WITHOUT.value and (_REFERENCE.value or _FORMULATIONS.value == "plain"):
        raise command_line.UsageError(
            "--without excludes --reference and --formulations=plain."
        )
    if _WITHOUT.value and jax.default_backend() not in backends.BACKENDS:
        raise command_line.UsageError(
            f"--without: {jax.default_backend()} has no special formulations."
        )


def selected() -> list[cases.Case]:
    """Returns the cases that the flags name.

    Raises:
      UsageError: there are none.
    """
    names = cases.WORKLOADS if "all" in _WORKLOADS.value else _WORKLOADS.value
    try:
        found = list(
            cases.expand(
                workloads=names,
                families=_FAMILIES.value,
                resolutions=[int(side) for side in _RESOLUTIONS.value],
                batches=[int(batch) for batch in _BATCHES.value],
                dtypes=_DTYPES.value,
                stages=command_line.parse_stages(_STAGES.value),
                layers=[int(layer) for layer in _LAYERS.value],
                size=_SIZE.value,
            )
        )
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
    if not found:
        raise command_line.UsageError("No family has these workloads.")
    return found
