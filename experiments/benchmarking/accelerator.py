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
    timing,
    workloads,
)
from jax_encoder.inversion import inverter, presets

SECTIONS = {
    "parity": 0.25,
    "peak": 1.0,
    "inversion": 0.65,
    "peers": 0.8,
    "throughput": 0.88,
    "families": 0.96,
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
    """

    section: str
    name: str
    run: Callable[[Mapping[str, Any]], dict[str, Any] | list[dict[str, Any]]]


def steps(plan: DevicePlan) -> Iterator[Step]:
    """Yields all measurements in their order."""
    programs: rows.Programs = {}
    yield from _parity(plan)
    yield Step(section="peak", name="peak", run=lambda _: _peak(plan))
    for case in plan.inversions():
        has_peer = case.dtype == "float32" and case.batch in plan.batches[:2]
        yield _timed("inversion", case, programs if has_peer else None)
    yield from _peers(plan, programs)
    yield Step(section="throughput", name="default", run=lambda _: _throughput(plan))
    for case in plan.others():
        yield _timed("families", case)
    yield Step(section="profile", name="profile", run=lambda _: _profile(plan))


def _parity(plan: DevicePlan) -> Iterator[Step]:
    check = functools.cache(lambda name: parity.check(name, plan.golden))
    for name, setting in itertools.product(parity.NAMES, parity.SETTINGS):
        if name == "lpips" and setting[0] != "float32":
            continue  # Distances are computed in float32 whatever renders.

        def run(_, name=name, setting=setting):
            return parity.measure(check(name), *setting)

        dtype, precision, _ = setting
        yield Step(section="parity", name=f"{name} {dtype} {precision}", run=run)


def _peak(plan: DevicePlan) -> dict[str, object]:
    side = None if plan.size == "full" else 256
    num_bytes = None if plan.size == "full" else 1 << 20
    flops = {dtype: peaks.measure(dtype, side=side) for dtype in cases.DTYPES}
    return {"flops": flops, "bytes_per_second": peaks.bandwidth(num_bytes)}


def _timed(
    section: str,
    case: cases.Case,
    programs: rows.Programs | None = None,
    *,
    reference: rows.Reference | None = None,
    who: str = "",
) -> Step:
    def run(peak):
        return rows.measure(
            case,
            _OPTIONS,
            peaks=peak.get("flops"),
            reference=reference,
            programs=programs,
        )

    return Step(section=section, name=f"{case.name} {who}".strip(), run=run)


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
        if case.dtype == "float32" and case.batch in plan.batches[:2]:
            for who, peer in peers.items():
                yield _timed("peers", case, programs, reference=peer, who=who)


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _missing(section: str, why: str) -> Step:
    return Step(section=section, name=section, run=lambda _: {"skipped": why})


def _throughput(plan: DevicePlan) -> dict[str, object]:
    """Pictures per hour of `default`, from inversions of two lengths."""
    side, batch = plan.sides[0], plan.batches[1]
    generator = networks.generator("stylegan2", side, plan.size)
    preset = presets.get("default")
    whole = inverter.Inverter(
        generator,
        preset,
        networks={"lpips": networks.distance(plan.size)},
        batch_size=batch,
    )
    targets = np.tanh(np.random.default_rng(0).normal(size=(batch, side, side, 3)))
    seconds = {}
    for num in _THROUGHPUT_STEPS:
        one = dataclasses.replace(whole, preset=preset.changed(num_steps=num))
        one.invert(targets.astype(np.float32))  # Compiles.
        start = time.perf_counter()
        one.invert(targets.astype(np.float32))
        seconds[num] = time.perf_counter() - start
    few, many = _THROUGHPUT_STEPS
    slope = max(seconds[many] - seconds[few], 1e-9) / (many - few)
    total = preset.config.num_steps
    whole_run = seconds[few] + slope * (total - few)
    return {
        "preset": preset.name,
        "resolution": side,
        "batch": batch,
        "evaluations": total,
        "seconds_per_evaluation": slope,
        "pictures_per_hour": batch * 3600 / whole_run,
        "computed_from": {str(num): value for num, value in seconds.items()},
    }


def _profile(plan: DevicePlan) -> list[dict[str, object]]:
    case = plan.case(resolution=plan.sides[0])
    (part,) = workloads.build(case, num_steps=2)
    program = timing.compile_program(part.fn, part.args, with_cache=False)
    program.run()
    return profiles.by_operation(program.run)
