"""The flags of the training of a GAN, and the job that they describe."""

import pathlib

from absl import flags

from experiments.launch import command_line, flag_types
from experiments.training import training_measures, training_stages
from jax_encoder.avatars import regression
from jax_encoder.training import gan, gan_presets

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.", required=True)
_DATA = flags.DEFINE_string(
    "data", "faces", 'The pictures: "faces", which are rendered, or a folder.'
)
_PRESET = flags.DEFINE_enum(
    "preset", "auto", gan_presets.NAMES, "The published configuration to start from."
)
_RESOLUTION = flag_types.define_integer(
    "resolution", 64, "The side of the pictures, a power of two.", 8, 2048
)
_NUM_STEPS = flag_types.define_integer(
    "num_steps", 10_000, "How many adversarial steps to take.", 0
)
_BOOTSTRAP = flag_types.define_integer(
    "bootstrap_steps", 0, "How many steps of regression come before.", 0
)
_BOOTSTRAP_RATE = flag_types.define_number(
    "bootstrap_learning_rate",
    regression.RegressionConfig.learning_rate,
    "The learning rate of the regression.",
    0.0,
    1e6,
)
_MAPPING = flag_types.define_integer(
    "mapping_steps", 45_000, "Steps that teach the mapping network before those.", 0
)
_GENERATOR = flags.DEFINE_string(
    "generator",
    None,
    "Start from this bundle; one of smaller pictures grows to --resolution.",
)
_BATCH_SIZE = flag_types.define_integer(
    "batch_size",
    None,
    "How many pictures a step takes; default: the preset's.",
    2,
    65_536,
)
_LEARNING_RATE = flag_types.define_number(
    "learning_rate", None, "The learning rate; default: the preset's.", 0.0, 1e6
)
_G_LEARNING_RATE = flag_types.define_number(
    "generator_learning_rate",
    None,
    "The generator's learning rate; default: the discriminator's.",
    0.0,
    1e6,
)
_HEAD_START = flag_types.define_integer(
    "head_start", None, "Steps in which only the discriminator learns.", 0
)
_GAMMA = flag_types.define_number(
    "r1_gamma", None, "The weight of the R1 penalty; default: the preset's.", 0.0
)
_AUGMENTATION = flags.DEFINE_enum(
    "augmentation",
    None,
    gan.AUGMENTATIONS,
    "How pictures are augmented; default: the preset's.",
)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float32", ["float32", "bfloat16"], "The type of the convolutions."
)
_LESSON_WEIGHT = flag_types.define_number(
    "lesson_weight",
    None,
    "How much imitating the renderer counts, so that what regression taught stays.",
    0.0,
)
_MIXING = flag_types.define_number(
    "mixing_probability",
    None,
    "How probably a picture has two parents; default: the preset's.",
    0.0,
    1.0,
)
_SEED = flag_types.define_seed("seed", 0, "The seed of weights, latents and pictures.")
_EVERY = flag_types.define_integer(
    "checkpoint_every", 500, "Steps between checkpoints.", 1
)
_LOG_EVERY = flag_types.define_integer("log_every", 50, "Steps between log lines.", 1)
_MEASURE_EVERY = flag_types.define_integer(
    "measure_every",
    None,
    "Steps between measurements of FID and PPL; 0 for none but at the end. Default:"
    " every fourth checkpoint.",
    0,
)
_NUM_FID = flag_types.define_integer(
    "num_fid",
    2000,
    "How many pictures to take for FID, and four per path for PPL; 0 for neither.",
    0,
)
_IMAGE_CHANNELS = flags.DEFINE_enum(
    "image_channels", "3", ["1", "3", "4"], "Gray (1), RGB or RGBA (4) pictures."
)
_INCEPTION = flags.DEFINE_string(
    "inception",
    None,
    "Bundle or checkpoint (pytorch-fid's) for the published FID. Default: --vgg.",
)
_VGG = flags.DEFINE_string(
    "vgg", None, "The feature network, a bundle or checkpoint; default: the demo's."
)
_LPIPS = flags.DEFINE_string(
    "lpips", None, "The distance for PPL; default: the demo's."
)


def job() -> training_stages.GANJob:
    """Returns the flags as a job.

    Raises:
      UsageError: flags that make no sense together.
    """
    for taught in (_BOOTSTRAP, _LESSON_WEIGHT):
        if taught.value and _DATA.value != "faces":
            raise command_line.UsageError(f"--{taught.name} needs --data=faces.")
    if _IMAGE_CHANNELS.value != "3" and _DATA.value == "faces":
        raise command_line.UsageError("--data=faces are RGB: drop --image_channels.")
    changes = {
        "batch_size": _BATCH_SIZE.value,
        "learning_rate": _LEARNING_RATE.value,
        "generator_learning_rate": _G_LEARNING_RATE.value,
        "head_start": _HEAD_START.value,
        "r1_gamma": _GAMMA.value,
        "lesson_weight": _LESSON_WEIGHT.value,
        "mixing_probability": _MIXING.value,
        "augmentation": _AUGMENTATION.value,
        "dtype": _DTYPE.value,
    }
    return training_stages.GANJob(
        output=pathlib.Path(_OUTPUT_DIR.value),
        data=_DATA.value,
        preset=_PRESET.value,
        resolution=_RESOLUTION.value,
        image_channels=int(_IMAGE_CHANNELS.value),
        changes={name: value for name, value in changes.items() if value is not None},
        start=_GENERATOR.value,
        mapping_steps=_MAPPING.value,
        bootstrap_steps=_BOOTSTRAP.value,
        bootstrap_learning_rate=_BOOTSTRAP_RATE.value,
        num_steps=_NUM_STEPS.value,
        checkpoint_every=_EVERY.value,
        log_every=_LOG_EVERY.value,
        measure_every=_MEASURE_EVERY.value,
        num_fid=_NUM_FID.value,
        networks=training_measures.MeasuringNetworks(
            inception=_INCEPTION.value, vgg=_VGG.value, lpips=_LPIPS.value
        ),
        seed=_SEED.value,
    )
