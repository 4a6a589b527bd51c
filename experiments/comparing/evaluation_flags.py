"""The flags of an evaluation, and the options that they describe."""

from absl import flags

from experiments.comparing import evaluation
from experiments.launch import command_line, flag_types
from jax_encoder.metrics import path_length

_IMAGES = flags.DEFINE_string(
    "images",
    "",
    "The pictures to judge: a folder, a pattern, or a store of encode_corpus.",
)
_REFERENCES = flags.DEFINE_string(
    "references", "", "The pictures to judge by: a folder or a pattern."
)
_GENERATOR = flags.DEFINE_string(
    "generator", "", "A generator to judge instead of --images."
)
_TRAINING = flags.DEFINE_string(
    "training", "", "The folder of a training whose checkpoints are judged instead."
)
_RESOLUTION = flag_types.define_integer(
    "resolution",
    None,
    "The side of the pictures; default: what most references have.",
    1,
    8192,
)
_SETS = flags.DEFINE_boolean("sets", True, "Also compare the folders as a whole.")
_NUM_SAMPLES = flag_types.define_integer(
    "num_samples", 1000, "How many samples to draw from the generator.", 2
)
_PSI = flag_types.define_number(
    "truncation_psi", 1.0, "The truncation of the generator's samples.", -10.0, 10.0
)
_NUM_PATHS = flag_types.define_integer(
    "num_paths", 0, "How many paths to measure for the path length; 0: none.", 0
)
_SPACE = flags.DEFINE_enum(
    "path_space", "w", ["w", "z"], "The space in which the paths lie."
)
_SAMPLING = flags.DEFINE_enum(
    "path_sampling", "end", ["end", "full"], "Where on the paths to measure."
)
_CROP = flags.DEFINE_boolean("path_crop", False, "Measure only the center of the face.")
_SEED = flag_types.define_seed("seed", 0, "The seed of samples and paths.")
_BATCH_SIZE = flag_types.define_integer(
    "batch_size", 8, "How many pictures are computed at a time.", 1, 65_536
)


def generator_name() -> str:
    """Returns the generator that is judged; "" where pictures are."""
    return _GENERATOR.value


def training() -> str:
    """Returns the folder of the training that is judged, or ""."""
    return _TRAINING.value


def options() -> evaluation.EvaluationOptions:
    """Returns the flags as options.

    Raises:
      UsageError: flags that make no sense together.
    """
    _check()
    return evaluation.EvaluationOptions(
        images=_IMAGES.value,
        references=_REFERENCES.value,
        resolution=_RESOLUTION.value,
        compare_sets=_SETS.value,
        num_samples=_NUM_SAMPLES.value,
        psi=_PSI.value,
        num_paths=_NUM_PATHS.value,
        path=path_length.PathLengthConfig(
            space=_SPACE.value, sampling=_SAMPLING.value, crop=_CROP.value
        ),
        seed=_SEED.value,
        batch_size=_BATCH_SIZE.value,
    )


def _check() -> None:
    """Refuses flags that exclude or need each other."""
    draws = _GENERATOR.value or _TRAINING.value
    if sum(map(bool, (_IMAGES.value, _GENERATOR.value, _TRAINING.value))) != 1:
        raise command_line.UsageError(
            "Give one of --images, --generator and --training."
        )
    if not (_REFERENCES.value or (draws and _NUM_PATHS.value)):
        raise command_line.UsageError(
            "Give --references, or --num_paths of a generator."
        )
    if not draws:
        unused = (_NUM_SAMPLES, _PSI, _NUM_PATHS, _SPACE, _SAMPLING, _CROP)
        command_line.refuse(unused, "it is for a --generator")
    elif not _NUM_PATHS.value:
        command_line.refuse((_SPACE, _SAMPLING, _CROP), "it needs --num_paths")
