"""The flags of `experiments.encode_corpus`, and the plan that they describe."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping

from absl import flags

from experiments.aligning import flags as aligning_flags
from experiments.launch import command_line, flag_types
from experiments.networks import resources
from experiments.runs import encoding_flags, jobs, projector_engine
from experiments.sharing import leases
from experiments.stores import tables
from jax_encoder.errors import InputError
from jax_encoder.inversion import presets
from jax_encoder.io import files, folders, json_types

ENGINES = ("local", "static", "lease", "ray")
STORES = ("parquet", "zarr3")

_IMAGES = flags.DEFINE_multi_string(
    "images",
    [],
    "Folder tree, list (.txt), .parquet, .tar, or a quoted pattern; may be repeated.",
)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "Where the corpus goes.", required=True
)
_ENGINE = flags.DEFINE_enum(
    "engine", None, ENGINES, "What runs the workers; default: local."
)
_SHARD = flags.DEFINE_string(
    "shard", None, "static: which share this worker does, from 0, such as 3/64."
)
_WORKERS = flag_types.define_integer(
    "workers", None, "local, ray: processes; default: one per accelerator.", 1, 4096
)
_STORE = flags.DEFINE_enum("store", "parquet", STORES, "What the codes are written to.")
_CODES_DTYPE = flags.DEFINE_enum(
    "codes_dtype", "float16", tables.DTYPES, "The type of the stored codes."
)
_SHARD_SIZE = flag_types.define_integer(
    "shard_size", 256, "Pictures per shard: what a death loses at most.", 1, 1 << 20
)
_RECONSTRUCTIONS = flags.DEFINE_boolean(
    "reconstructions", False, "Write the reconstructions too, a tar per shard."
)
_SCORER = flags.DEFINE_string(
    "scorer", None, "Reads attributes off the reconstructions; demo: the demo's."
)
_HASH = flags.DEFINE_boolean(
    "hash_sources", False, "Hash every picture while listing, not when it is encoded."
)
_RETRY = flags.DEFINE_boolean(
    "retry_failed", False, "Try the failed pictures of finished shards once more."
)
_VERIFY = flags.DEFINE_enum(
    "verify",
    "auto",
    ["auto", "full", "footers"],
    "How finished shards are looked at first; auto: full up to a GiB.",
)
_DRY_RUN = flags.DEFINE_boolean(
    "dry_run", False, "Tell how many pictures, bytes and hours it takes, and stop."
)
_LEASE_SECONDS = flag_types.define_number(
    "lease_seconds", leases.SECONDS, "Silence after which a worker is dead.", 1.0, 86400
)
_RAY_ADDRESS = flags.DEFINE_string(
    "ray_address",
    None,
    "The address of the Ray cluster; default: one that is started here.",
)

flags.adopt_module_key_flags(encoding_flags)

_NOT_HERE = (
    "fps",
    "save_frequency",
    "overwrite",
    "normalize_colors",
    "use_latent_finder",
)

GROUPS = {
    "The corpus": (
        *("images", "output_dir", "store", "codes_dtype", "shard_size"),
        *("reconstructions", "scorer", "hash_sources"),
    ),
    "Who works": (
        *("engine", "workers", "shard", "lease_seconds", "ray_address"),
        *("retry_failed", "verify", "dry_run"),
    ),
    **{k: v for k, v in encoding_flags.GROUPS.items() if k != "Films"},
}
"""The flags as --help shows them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorpusPlan:
    """What was asked for.

    Attributes:
      images: what to list.
      output: the folder of the corpus.
      engine: of `ENGINES`.
      share: (index, number) of a static worker; None for the others.
      num_workers: processes or actors.
      job: networks and preset.
      settings: JSON values on which the rows depend.
      store: of `STORES`.
      codes_dtype: of the stored codes.
      shard_size: pictures per shard.
      has_images: write reconstructions.
      scorer: a network, or None.
      hashes: of `manifest.write`.
      is_retry: do failed pictures once more.
      verify: of `layout.damaged`.
      is_dry: only tell what it would take.
      lease_seconds: of `leases.Leases`.
      ray_address: of a cluster, or None.
    """

    images: tuple[str, ...]
    output: pathlib.Path
    engine: str
    share: tuple[int, int] | None
    num_workers: int
    job: jobs.InversionJob
    settings: Mapping[str, json_types.Json]
    store: str
    codes_dtype: str
    shard_size: int
    has_images: bool
    scorer: str | None
    hashes: bool
    is_retry: bool
    verify: bool | None
    is_dry: bool
    lease_seconds: float
    ray_address: str | None


def _check_borrowed() -> None:
    """Refuses flags of `encode_image` that mean nothing for a corpus."""
    unused = [n for n in _NOT_HERE if flags.FLAGS.find_module_defining_flag(n)]
    given = [f"--{name}" for name in unused if flags.FLAGS[name].present]
    if given:
        raise command_line.UsageError(
            f"{', '.join(given)}: of `encode_image`, a corpus has no use for it."
        )
    if aligning_flags.settings() is not None:
        raise command_line.UsageError(
            "--align: align the pictures first, with `experiments.align`."
        )


def plan() -> CorpusPlan:
    """The flags as a plan.

    Raises:
      UsageError: flags that make no sense together.
    """
    _check_borrowed()
    output = pathlib.Path(_OUTPUT_DIR.value)
    listing = folders.Listing(where="", root=pathlib.Path(), paths=())
    job = encoding_flags.job(listing, output, "", has_reports=False)
    share = _share()
    engine = _ENGINE.value or ("static" if share else "local")
    if (engine == "static") != (share is not None):
        raise command_line.UsageError("--engine=static and --shard=I/N go together.")
    if engine not in ("local", "ray"):
        command_line.refuse([_WORKERS], f"the engine {engine} is one process")
    scorer = _scorer(job)
    return CorpusPlan(
        images=tuple(_IMAGES.value),
        output=output,
        engine=engine,
        share=share,
        num_workers=_WORKERS.value or _default_workers(),
        job=job,
        settings=_settings(job, scorer),
        store=_STORE.value,
        codes_dtype=_CODES_DTYPE.value,
        shard_size=_SHARD_SIZE.value,
        has_images=_RECONSTRUCTIONS.value,
        scorer=scorer,
        hashes=_HASH.value,
        is_retry=_RETRY.value,
        verify={"auto": None, "full": True, "footers": False}[_VERIFY.value],
        is_dry=_DRY_RUN.value,
        lease_seconds=_LEASE_SECONDS.value,
        ray_address=_RAY_ADDRESS.value,
    )


def _share() -> tuple[int, int] | None:
    text = _SHARD.value
    if text is None:
        return None
    index, _, num = text.partition("/")
    is_number = index.isdecimal() and num.isdecimal()
    if not is_number or not int(index) < int(num):
        raise command_line.UsageError(
            f"--shard={text}: write I/N, with I from 0 to N - 1, such as 3/64."
        )
    return int(index), int(num)


def _default_workers() -> int:
    """One per accelerator; without any, one per two processors."""
    devices = [*pathlib.Path("/dev").glob("nvidia[0-9]*")]
    return len(devices) or max(1, len(os.sched_getaffinity(0)) // 2)


def _scorer(job: jobs.InversionJob) -> str | None:
    if _SCORER.value != "demo":
        return _SCORER.value or None
    return str(resources.DEMO_NETWORKS["vgg"])


def _settings(job: jobs.InversionJob, scorer: str | None) -> dict[str, object]:
    """JSON values on which the rows depend; computed without touching a device."""
    try:
        preset = presets.get(job.preset).changed(**job.overrides)
    except InputError as error:
        raise command_line.UsageError(str(error).replace("`", "--", 1)) from error
    if reason := _refusal(preset):
        raise command_line.UsageError(
            f"--preset={job.preset} serves no corpus: {reason}. Take default, fast,"
            " encoder, or `experiments.encode_image`."
        )
    start = job.start or preset.start
    needed = {
        *preset.network_names,
        "lpips",
        *(["encoder"] if start == "encoder" else []),
    }
    networks = {
        name: _digest(job.networks.get(name) or resources.DEMO_NETWORKS.get(name))
        for name in sorted(needed)
    }
    return {
        "images": list(_IMAGES.value),
        "generator": _digest(job.generator or resources.DEMO_GENERATOR),
        "networks": networks,
        "scorer": None if scorer is None else _digest(scorer),
        "preset": job.preset,
        "projector": projector_engine.describe(preset.config),
        "start": start if not os.path.exists(start) else _digest(start),
        "crop": job.options.crop,
        "class": job.class_index,
        "seed": job.seed,
        "verdicts": job.verdicts,
        "store": _STORE.value,
        "codes_dtype": _CODES_DTYPE.value,
        "shard_size": _SHARD_SIZE.value,
        "reconstructions": _RECONSTRUCTIONS.value,
    }


def _refusal(preset: presets.Preset) -> str:
    """Why a preset cannot serve a corpus; "" where it can."""
    config = preset.config
    if preset.pivotal is not None:
        return "it tunes a generator for every picture, which is no row of a table"
    if config.noise == "optimize":
        return "it optimizes noise maps, which are larger than the pictures"
    if config.exploration is not None:
        return "it explores at random, by a picture's place in its batch"
    return ""


def _digest(path: str | os.PathLike[str] | None) -> str:
    """Tells a bundle, file or name of the zoo from others, by its content."""
    if path is None or not os.path.exists(path):
        return str(path)
    root = pathlib.Path(path)
    if root.is_file():
        return files.sha256(root)[:16]
    lines = [
        f"{file.relative_to(root).as_posix()} {files.sha256(file)}"
        for file in sorted(root.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
