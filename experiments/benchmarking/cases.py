"""Which measurements there are, and which combinations make sense."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from jax_encoder.errors import InputError

WORKLOADS = (
    "mapping",
    "synthesis",
    "gradient",
    "inversion",
    "vgg",
    "vgg_gradient",
    "filtered_lrelu",
    "filtered_lrelu_gradient",
    "training",
    "encoder",
    "encoder_training",
)
FAMILIES = ("stylegan1", "stylegan2", "stylegan3")
DTYPES = ("float32", "bfloat16")
_FAMILIES_OF = {
    "vgg": ("vgg16",),
    "vgg_gradient": ("vgg16",),
    "filtered_lrelu": ("stylegan3",),
    "filtered_lrelu_gradient": ("stylegan3",),
    "training": ("stylegan2",),
    "encoder": ("stylegan2",),
    "encoder_training": ("stylegan2",),
}
LAYER_WORKLOADS = ("filtered_lrelu", "filtered_lrelu_gradient")
_NETWORK_ONLY = ("vgg", "vgg_gradient")
_FLOAT32_ONLY = ("mapping", "encoder", *_NETWORK_ONLY)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    Attributes:
      workload: one of `WORKLOADS`.
      family: of the generator; "vgg16" for the feature network alone.
      resolution: side of the pictures.
      batch: pictures at once.
      dtype: of the convolutions.
      stages: (share of the steps, resolution) rendered coarsely; empty for none.
      layer: of a generator, where one is timed alone; None: the busiest.
      size: "full" (the published widths) or "small" (at most 16 channels).
    """

    workload: str
    family: str
    resolution: int
    batch: int = 1
    dtype: str = "float32"
    stages: tuple[tuple[float, int], ...] = ()
    layer: int | None = None
    size: str = "full"

    @property
    def name(self) -> str:
        """Short and unique: "inversion stylegan2 256 x1 float32"."""
        parts = [self.workload, self.family, self.resolution, f"x{self.batch}"]
        parts.append(self.dtype)
        if self.layer is not None:
            parts.append(f"L{self.layer}")
        if self.stages:
            shares = [f"{share:g}:{side}" for share, side in self.stages]
            parts.append("coarse " + ",".join(shares))
        if self.size != "full":
            parts.append(self.size)
        return " ".join(map(str, parts))

    def as_json(self) -> dict[str, object]:
        """Returns the fields, and the name."""
        return {"name": self.name, **dataclasses.asdict(self)}


def expand(
    *,
    workloads: Sequence[str],
    families: Sequence[str],
    resolutions: Sequence[int],
    batches: Sequence[int],
    dtypes: Sequence[str],
    stages: tuple[tuple[float, int], ...] = (),
    layers: Sequence[int] = (),
    size: str = "full",
) -> Iterator[Case]:
    """Yields every combination that exists, each once.

    With `stages`, inversions that can be rendered coarsely come with and without.

    Raises:
      ValueError: a workload, family or dtype is unknown.
    """
    _check(workloads, WORKLOADS)
    _check(families, FAMILIES)
    _check(dtypes, DTYPES)
    seen = set()
    for workload, family, resolution, batch, dtype, layer in itertools.product(
        workloads, families, resolutions, batches, dtypes, layers or (None,)
    ):
        allowed = _FAMILIES_OF.get(workload, families)
        if family not in allowed:
            if workload not in _NETWORK_ONLY:
                continue
            family = "vgg16"
        if dtype != "float32" and workload in _FLOAT32_ONLY:
            continue
        case = Case(
            workload=workload,
            family=family,
            resolution=resolution,
            batch=batch,
            dtype=dtype,
            layer=layer if workload in LAYER_WORKLOADS else None,
            size=size,
        )
        if case not in seen:
            seen.add(case)
            yield case
            coarse = tuple(s for s in stages if s[1] < resolution)
            if coarse and workload == "inversion" and family == "stylegan2":
                yield dataclasses.replace(case, stages=coarse)


def _check(chosen: Sequence[str], known: Sequence[str]) -> None:
    if unknown := set(chosen) - set(known):
        raise InputError(f"Unknown: {sorted(unknown)}; choose of {known}.")
