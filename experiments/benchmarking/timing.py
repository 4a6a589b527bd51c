"""Compiles and times; medians, and several callables in turn."""

import contextlib
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping

import jax
from jax.experimental.compilation_cache import compilation_cache


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compiled:
    """A compiled program.

    Attributes:
      run: the program, with its arguments.
      trace_seconds: from Python to the compiler's language.
      cold_seconds: of the compilation, with nothing in the cache.
      cached_seconds: of reading it from the persistent cache instead; or None.
      memory_bytes: arguments, results and temporary arrays; 0 where unknown.
      moved_bytes: read and written by the compiler's own count, the body of a loop
        once; None where it does not say.
    """

    run: Callable[[], object]
    trace_seconds: float
    cold_seconds: float
    cached_seconds: float | None
    memory_bytes: int
    moved_bytes: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """How long calls took.

    Attributes:
      seconds: median over the calls.
      fastest: the shortest call.
      num_samples: calls timed.
      processor_seconds: median processor time of a call, of all its threads.
      share: processor time over wall time; far below the number of threads, other
        programs ran beside this one. None on accelerators.
    """

    seconds: float
    fastest: float
    num_samples: int
    processor_seconds: float
    share: float | None

    def of_step(self, num_steps: int) -> "Timing":
        """What one of the steps of a call takes."""
        return dataclasses.replace(
            self,
            seconds=self.seconds / num_steps,
            fastest=self.fastest / num_steps,
            processor_seconds=self.processor_seconds / num_steps,
        )


def compile_program(
    fn: Callable[..., object], args: tuple[object, ...], *, with_cache: bool = True
) -> Compiled:
    """Compiles `fn` for `args`, cold and then from a persistent cache of its own.

    Args:
      fn: a function of pytrees of arrays.
      args: its arguments.
      with_cache: also measure the start from the cache.

    Returns:
      The program and its times.
    """
    with (
        tempfile.TemporaryDirectory() as directory,
        cache_at(directory if with_cache else None),
    ):
        trace, cold, compiled = _compile(fn, args)
        cached = None
        if with_cache:
            jax.clear_caches()
            _, cached, _ = _compile(fn, args)
    return Compiled(
        run=lambda: jax.block_until_ready(compiled(*args)),
        trace_seconds=trace,
        cold_seconds=cold,
        cached_seconds=cached,
        memory_bytes=_memory(compiled),
        moved_bytes=(compiled.cost_analysis() or {}).get("bytes accessed"),
    )


@contextlib.contextmanager
def cache_at(directory: str | None) -> Iterator[None]:
    """Lets the compiler keep its programs in a directory; None: nowhere.

    Where it keeps them nowhere already, nothing is touched: several threads may compile
    at once within `cache_at(None)`.
    """
    settings = {
        "jax_compilation_cache_dir": directory,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    saved = {name: getattr(jax.config, name) for name in settings}
    if directory == saved["jax_compilation_cache_dir"]:
        yield
        return
    _configure(settings)
    try:
        yield
    finally:
        _configure(saved)


def _configure(settings: Mapping[str, object]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def _compile(fn, args):
    start = time.perf_counter()
    lowered = jax.jit(lambda *a: fn(*a)).lower(*args)
    middle = time.perf_counter()
    compiled = lowered.compile()
    return middle - start, time.perf_counter() - middle, compiled


def _memory(compiled: jax.stages.Compiled) -> int:
    analysis = compiled.memory_analysis()
    if analysis is None:
        return 0
    names = ("temp", "argument", "output")
    return sum(int(getattr(analysis, f"{n}_size_in_bytes")) for n in names)


def device_peak_bytes() -> int | None:
    """The most that the first device has held so far; None where it does not say."""
    stats = jax.devices()[0].memory_stats() or {}
    return stats.get("peak_bytes_in_use")


def resident_peak_bytes() -> int | None:
    """The most memory that this process has held so far, compilation included."""
    try:
        import resource
    except ImportError:  # no such thing on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def alternate(
    callables: Mapping[str, Callable[[], object]],
    *,
    num_repeats: int = 5,
    num_warm_ups: int = 1,
    max_seconds: float = 120.0,
) -> dict[str, Timing]:
    """Times callables in turn, so that whatever else runs meets all of them alike.

    Args:
      callables: name -> callable that returns when its work is done.
      num_repeats: timed calls of each.
      num_warm_ups: calls of each before.
      max_seconds: no further round begins after this, once each has been timed.

    Returns:
      name -> timing.
    """
    for _ in range(num_warm_ups):
        for run in callables.values():
            run()
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in callables}
    begin = time.perf_counter()
    for index in range(num_repeats):
        if index and time.perf_counter() - begin > max_seconds:
            break
        for name, run in callables.items():
            start, busy = time.perf_counter(), time.process_time()
            run()
            wall = time.perf_counter() - start
            samples[name].append((wall, time.process_time() - busy))
    return {name: _summarize(rows) for name, rows in samples.items()}


def _summarize(rows: list[tuple[float, float]]) -> Timing:
    walls, busy = zip(*rows, strict=True)
    is_cpu = jax.default_backend() == "cpu"
    return Timing(
        seconds=statistics.median(walls),
        fastest=min(walls),
        num_samples=len(rows),
        processor_seconds=statistics.median(busy),
        share=sum(busy) / max(sum(walls), 1e-9) if is_cpu else None,
    )
