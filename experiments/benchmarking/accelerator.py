"""What `experiments.check_accelerator` measures: steps, the most important first."""

import dataclasses
import functools
import itertools
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from experiments.benchmarking import (
    cases,
    networks,
    parity,
    peaks,
    profiles,
    rows,
)
from jax_encoder.inversion import inverter, presets

SECTIONS = {
    "parity": 0.5,
    "peak": 1.0,
    "inversion": 0.7,
    "peers": 0.84,
    "throughput": 0.92,
    "families": 0.97,
    "profile": 1.0,
}
"""Section -> the share of the time after which none of its steps begins."""

_OPTIONS = rows.TimingOptions(
    num_repeats=5, num_steps=5, max_seconds=8.0, with_cache=False
)
_THROUGHPUT_STEPS = (12, 24)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DevicePlan:
    """What to measure.

    Attributes:
      size: of the networks: "full", or "small" to try the machinery.
      golden: the folder of fixtures.
      nvidia: a checkout of NVIDIA's repository to time beside, or None.
    """

    size: str = "full"
    golden: pathlib.Path
    nvidia: pathlib.Path | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """The sides of the pictures, the large one first."""
        return (1024, 256) if self.size == "full" else (32, 16)

    @property
    def batches(self) -> tuple[int, ...]:
        """Pictures at once."""
        return (1, 8, 32) if self.size == "full" else (1, 2)

    def inversions(self) -> list[cases.Case]:
        """The steps of inversions that are timed, the most important first."""
        every = [
            self.case(resolution=side, batch=batch, dtype=dtype)
            for batch in self.batches
            for side in self.sides
            for dtype in cases.DTYPES
        ]
        return every if self.size == "full" else [*every[:2], every[-2]]

    def case(self, **fields: Any) -> cases.Case:
        """Returns a case of this size; StyleGAN2's inversion unless said otherwise."""
        defaults: dict[str, Any] = {
            "workload": "inversion",
            "family": "stylegan2",
            "size": self.size,
        }
        return cases.Case(**(defaults | fields))

    def others(self) -> list[cases.Case]:
        """StyleGAN3 and the phases of training; small: the first alone."""
        large, less = self.sides
        every = [
            self.case(family="stylegan3", resolution=less),
            self.case(workload="training", resolution=less, batch=self.batches[1]),
            self.case(family="stylegan3", resolution=large),
        ]
        return every if self.size == "full" else every[:1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One measurement.

    Attributes:
      section: of `SECTIONS`.
      name: unique.
      run: takes the peaks that were measured before, gives a row or several.
      prepare: what of it may be done beside other work, before its wave is timed.
      wave: number of the group of steps that are prepared together.
    """

    section: str
    name: str
    run: Callable[[Mapping[str, Any]], dict[str, Any] | list[dict[str, Any]]]
    prepare: Callable[[], object] | None = None
    wave: int = 0


def steps(plan: DevicePlan) -> Iterator[Step]:
    """Yields all measurements in their order, in waves."""
    programs: rows.Programs = {}
    yield from _parity(plan)
    yield Step(section="peak", name="peak", run=lambda _: _peak(plan))
    wave = 0
    for wave, batch in enumerate(plan.batches):
        for case in plan.inversions():
            if case.batch == batch:
                is_kept = _has_peer(case, plan)
                yield _timed("inversion", case, programs, is_kept=is_kept, wave=wave)
    last = wave + 1
    for step in _peers(plan, programs):
        yield dataclasses.replace(step, wave=wave)
    yield _throughput(plan, last)
    for case in plan.others():
        yield _timed("families", case, programs, wave=last)
    yield Step(
        section="profile",
        name="profile",
        run=lambda _: _profile(plan, programs),
        wave=last,
    )


def _has_peer(case: cases.Case, plan: DevicePlan) -> bool:
    return case.dtype == "float32" and case.batch in plan.batches[:2]


def _parity(plan: DevicePlan) -> Iterator[Step]:
    check = functools.cache(lambda name: parity.check(name, plan.golden))
    for name, setting in itertools.product(parity.NAMES, parity.SETTINGS):
        if name == "lpips" and setting[0] != "float32":
            continue  # Distances are computed in float32 whatever renders.

        @functools.cache
        def compare(name=name, setting=setting):
            return parity.measure(check(name), *setting)

        dtype, precision, _ = setting
        yield Step(
            section="parity",
            name=f"{name} {dtype} {precision}",
            run=lambda _, compare=compare: compare(),
            prepare=compare,  # Right or wrong, but never timed.
        )


def _peak(plan: DevicePlan) -> dict[str, object]:
    side = None if plan.size == "full" else 256
    num_bytes = None if plan.size == "full" else 1 << 20
    flops = {dtype: peaks.measure(dtype, side=side) for dtype in cases.DTYPES}
    return {"flops": flops, "bytes_per_second": peaks.bandwidth(num_bytes)}


def _timed(
    section: str,
    case: cases.Case,
    programs: rows.Programs,
    *,
    reference: rows.Reference | None = None,
    who: str = "",
    is_kept: bool = True,
    wave: int = 0,
) -> Step:
    """Times a case; where it is the last to, its program is dropped thereafter."""

    def prepare():
        rows.compile_once(case, _OPTIONS, programs)

    def run(peak):
        row = rows.measure(
            case,
            _OPTIONS,
            peaks=peak.get("flops"),
            reference=reference,
            programs=programs,
        )
        if not is_kept:
            programs.pop(case)
        return row

    name = f"{case.name} {who}".strip()
    return Step(
        section=section,
        name=name,
        run=run,
        prepare=None if reference else prepare,
        wave=wave,
    )


def _peers(plan: DevicePlan, programs: rows.Programs) -> Iterator[Step]:
    """PyTorch's rows: beside ours in turn, in this process and on this device."""
    try:
        from experiments.benchmarking.peers import nvidia_checkout, torch_peers
    except ImportError as error:
        yield _missing("peers", f"needs PyTorch and a checkout ({error})")
        return
    device = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    if device == "tpu" or (device == "cuda" and not _has_cuda()):
        yield _missing("peers", f"needs a PyTorch that computes on this {device}")
        return
    names = ("nvidia", "nvidia_unfused", "rosinality")
    peers = {n: torch_peers.on(device, getattr(torch_peers, n)) for n in names}
    if plan.nvidia:
        peers["checkout"] = nvidia_checkout.reference(plan.nvidia, device)
    for case in plan.inversions():
        if _has_peer(case, plan):
            for who, peer in peers.items():
                yield _timed("peers", case, programs, reference=peer, who=who)


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _missing(section: str, why: str) -> Step:
    return Step(section=section, name=section, run=lambda _: {"skipped": why})


def _throughput(plan: DevicePlan, wave: int) -> Step:
    inversions = functools.cache(lambda: _Inversions(plan))
    return Step(
        section="throughput",
        name="default",
        run=lambda _: inversions().measure(),
        prepare=inversions,
        wave=wave,
    )


class _Inversions:
    """Inversions by `default`, of two lengths, from which its speed is computed."""

    def __init__(self, plan: DevicePlan):
        side, self._batch = plan.sides[0], plan.batches[1]
        self._preset = presets.get("default")
        self._inverters = {
            num_steps: inverter.Inverter(
                networks.generator("stylegan2", side, plan.size),
                self._preset.changed(num_steps=num_steps),
                networks={"lpips": networks.distance(plan.size)},
                batch_size=self._batch,
            )
            for num_steps in _THROUGHPUT_STEPS
        }
        noise = np.random.default_rng(0).normal(size=(self._batch, side, side, 3))
        self._targets = np.tanh(noise).astype(np.float32)
        for num_steps in _THROUGHPUT_STEPS:
            self._seconds(num_steps)  # Compiles.

    def measure(self) -> dict[str, object]:
        """Returns the row: pictures per hour, and what they are computed from."""
        seconds = {num: self._seconds(num) for num in _THROUGHPUT_STEPS}
        few, many = _THROUGHPUT_STEPS
        slope = max(seconds[many] - seconds[few], 1e-9) / (many - few)
        total = self._preset.config.num_steps
        whole_run = seconds[few] + slope * (total - few)
        return {
            "preset": self._preset.name,
            "resolution": self._targets.shape[1],
            "batch": self._batch,
            "evaluations": total,
            "seconds_per_evaluation": slope,
            "pictures_per_hour": self._batch * 3600 / whole_run,
            "computed_from": {str(num): value for num, value in seconds.items()},
        }

    def _seconds(self, num_steps: int) -> float:
        start = time.perf_counter()
        self._inverters[num_steps].invert(self._targets)
        return time.perf_counter() - start


def _profile(plan: DevicePlan, programs: rows.Programs) -> list[dict[str, object]]:
    case = plan.case(resolution=plan.sides[0])
    ((part, program),) = rows.compile_once(case, _OPTIONS, programs)
    program.run()
    return profiles.by_operation(program.run, steps_per_call=part.num_steps)
