"""The flags of an inversion, and the job that they describe."""

import pathlib

from absl import flags

from experiments.aligning import flags as aligning_flags
from experiments.launch import command_line, flag_types
from experiments.runs import batches, jobs
from jax_encoder.errors import InputError
from jax_encoder.inversion import presets
from jax_encoder.inversion.config import Stage
from jax_encoder.io import films, folders
from jax_encoder.latents import spaces

_GENERATOR = flags.DEFINE_string(
    "generator", None, "Bundle, checkpoint or name of the zoo; default: the demo's."
)
_MODEL_TYPE = flags.DEFINE_string("model_type", None, "Another name of --generator.")
_PRESET = flags.DEFINE_enum(
    "preset",
    "default",
    presets.names(),
    "The method and its constants.",
)
_SPACE = flags.DEFINE_enum(
    "space", None, spaces.names(), "Where to search; default: the preset's."
)
_START = flags.DEFINE_string(
    "start",
    "",
    "mean, zeros, random, encoder, seeds, seeds:NUMBER, a file with a code, a directory"
    " with a code of each picture, or an encoder or regressor;"
    " default: the preset's.",
)
_ITERATIONS = flag_types.define_integer(
    "iterations", None, "Gradient steps; default: the preset's.", 1
)
_TUNING_STEPS = flag_types.define_integer(
    "tuning_steps",
    None,
    "The most steps of pivotal tuning (pti); default: the preset's.",
    1,
)
_LEARNING_RATE = flag_types.define_number(
    "learning_rate", None, "The learning rate; default: the preset's.", 0.0, 1e6
)
_VGG_LAYER = flags.DEFINE_string(
    "vgg_layer", None, "Name or torchvision index of the layer, where one is compared."
)
_NOISE = flags.DEFINE_enum(
    "noise", None, ["const", "none", "optimize"], "Noise maps; default: the preset's."
)
_LPIPS = flags.DEFINE_string("lpips", None, "Perceptual network; default: the demo's.")
_VGG = flags.DEFINE_string("vgg", None, "Feature network; default: the demo's.")
_IDENTITY = flags.DEFINE_string(
    "identity", None, "Identity network; default: the demo's."
)
_ENCODER = flags.DEFINE_string(
    "encoder", None, "The encoder of the presets encoder and fast; default: the demo's."
)
_REFINE = flag_types.define_integer(
    "refine", None, "Start from the encoder, or --start, and take so many steps.", 1
)
_STATISTICS = flags.DEFINE_string(
    "statistics", None, "Latent statistics; default: the bundle's, or an estimate."
)
_CLASS = flag_types.define_integer(
    "class_index", None, "The class of a conditional generator to invert for.", 0
)
_USE_FINDER = flags.DEFINE_boolean(
    "use_latent_finder", False, "Start from --image_to_latent_path's prediction."
)
_FINDER = flags.DEFINE_string("image_to_latent_path", None, "A regressor or encoder.")
_SAVE_FREQUENCY = flag_types.define_integer(
    "save_frequency", 10, "Steps between the frames of a film.", 1
)
_STAGES = flags.DEFINE_string(
    "stages",
    None,
    "From coarse to fine (StyleGAN2 with skips): SHARE:RESOLUTION,... of the first"
    " steps; default: the preset's.",
)
_DTYPE = flags.DEFINE_enum(
    "dtype", None, ["float32", "bfloat16"], "The type of the generator's convolutions."
)
_MICRO_BATCH = flag_types.define_integer(
    "micro_batch",
    None,
    "Pictures rendered at once; default: one on a CPU, elsewhere as many as fit.",
    1,
)
_REMAT_FROM = flag_types.define_integer(
    "remat_from",
    None,
    "Maps of this side and above are computed twice instead of kept: less memory.",
    4,
)
_FPS = flag_types.define_number(
    "fps", 10.0, "Frames per second of the films.", 0.1, 240.0
)
_BATCH_SIZE = flag_types.define_integer(
    "batch_size", 8, "How many pictures are inverted at a time.", 1, 65_536
)
_CHUNK = flag_types.define_integer(
    "chunk", 50, "How many steps lie between two saved states.", 1
)
_CROP = flags.DEFINE_enum(
    "crop", "center", ["center", "none"], "How pictures are made square."
)
_NORMALIZE = flags.DEFINE_boolean(
    "normalize_colors",
    False,
    "Give each picture the mean and deviation of the generator's own pictures, channel"
    " by channel, and its reconstruction those of the picture.",
)
_SEED = flag_types.define_seed("seed", 0, "The seed of all that is drawn at random.")
_RESUME = flags.DEFINE_boolean("resume", False, "Go on with an interrupted run.")
_VERDICTS = flags.DEFINE_enum(
    "verdicts",
    "auto",
    ["auto", "compute", "none"],
    "Tell good, fair and poor reconstructions by the errors of the generator's own"
    " pictures: auto where those are known or there are 16 pictures or more; compute"
    " inverts 16 of its own first, once.",
)
_OVERWRITE = flags.DEFINE_boolean(
    "overwrite", False, "Replace the results of another run in the output directory."
)

GROUPS = {
    "What to do": (
        *("generator", "model_type", "preset", "list_presets", "class_index"),
        *("lpips", "vgg", "identity", "statistics"),
    ),
    "How the code is found": (
        *("space", "start", "iterations", "learning_rate", "noise", "vgg_layer"),
        *("stages", "tuning_steps", "normalize_colors", "crop", "seed"),
        *("use_latent_finder", "image_to_latent_path"),
    ),
    "Films": ("fps", "save_frequency"),
    "The run": ("resume", "overwrite", "verdicts", "batch_size", "chunk"),
    "Memory and devices": ("micro_batch", "remat_from", "dtype"),
}
"""The flags as --help shows them."""


def job(
    listing: folders.Listing,
    output: pathlib.Path,
    film: str,
    *,
    has_reports: bool = True,
) -> jobs.InversionJob:
    """The flags as a job.

    Args:
      listing: the pictures.
      output: the directory to write to.
      film: "" or the extension of the films, such as ".mp4".
      has_reports: write a summary, a contact sheet and loss curves.

    Returns:
      The job.

    Raises:
      UsageError: flags that make no sense together.
    """
    _check(film)
    return jobs.InversionJob(
        paths=listing.paths,
        names=listing.names(),
        skipped=listing.skipped_rows(),
        output=output,
        preset=_PRESET.value,
        overrides=_overrides(),
        start=_start(),
        generator=_GENERATOR.value or _MODEL_TYPE.value,
        networks=_networks(),
        statistics=_STATISTICS.value,
        class_index=_CLASS.value,
        normalize_colors=_NORMALIZE.value,
        alignment=aligning_flags.settings(),
        verdicts=_VERDICTS.value,
        has_reports=has_reports,
        seed=_SEED.value,
        chunk=_SAVE_FREQUENCY.value if film else _CHUNK.value,
        options=batches.BatchOptions(
            batch_size=_BATCH_SIZE.value,
            film=film,
            fps=_FPS.value,
            crop=_CROP.value,
            resume=_RESUME.value,
            overwrite=_OVERWRITE.value,
        ),
    )


def _check(film: str) -> None:
    """Refuses flags that exclude or need each other."""
    if _GENERATOR.value and _MODEL_TYPE.value:
        raise command_line.UsageError("--model_type is --generator: give one.")
    if _RESUME.value and _OVERWRITE.value:
        raise command_line.UsageError("Give --resume or --overwrite, not both.")
    if not film:
        command_line.refuse([_FPS, _SAVE_FREQUENCY], "it is for films")
    if _USE_FINDER.value and not _FINDER.value:
        raise command_line.UsageError(
            "--use_latent_finder needs --image_to_latent_path."
        )
    try:
        films.check(f"film{film or '.gif'}")
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
    if _REFINE.value and _ITERATIONS.value:
        raise command_line.UsageError("--refine and --iterations: give one.")


def _networks() -> dict[str, str | None]:
    """The networks that were named; None for the demo's."""
    named = {"encoder": _ENCODER.value} if _ENCODER.value else {}
    return {
        "lpips": _LPIPS.value,
        "vgg": _VGG.value,
        "identity": _IDENTITY.value,
        **named,
    }


def _start() -> str:
    """Where to begin; "" for the preset's start."""
    start = (_FINDER.value if _USE_FINDER.value else _START.value) or ""
    if _REFINE.value and not start:
        start = "encoder"
    return start


def _overrides() -> dict[str, object]:
    """What the flags change about the preset; None leaves it as it is."""
    layer = _VGG_LAYER.value
    return {
        "space": _SPACE.value,
        "num_steps": _ITERATIONS.value or _REFINE.value,
        "learning_rate": _LEARNING_RATE.value,
        "vgg_layer": int(layer) if layer and layer.isdecimal() else layer,
        "noise": _NOISE.value,
        "stages": _stages(),
        "dtype": _DTYPE.value,
        "micro_batch": _MICRO_BATCH.value,
        "remat_from": _REMAT_FROM.value,
        "tuning_steps": _TUNING_STEPS.value,
    }


def _stages() -> tuple[Stage, ...] | None:
    """None for the preset's; empty text for none."""
    if _STAGES.value is None:
        return None
    pairs = command_line.parse_stages(_STAGES.value)
    return tuple(Stage(share=share, resolution=side) for share, side in pairs)
