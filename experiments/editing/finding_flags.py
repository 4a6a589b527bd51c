"""The flags of a search for directions, and the task that they describe."""

import sys

from absl import flags

from experiments.editing import direction_finding, finding_task
from experiments.launch import command_line, flag_types
from experiments.networks import seed_pictures

_METHOD = flags.DEFINE_enum("method", "regression", direction_finding.METHODS, "How.")
_GENERATOR = flags.DEFINE_string(
    "generator", None, "The generator: a bundle or a checkpoint."
)
_SCORER = flags.DEFINE_string(
    "scorer", None, "The network that scores: a bundle or a checkpoint."
)
_CODES = flags.DEFINE_string("codes", None, "A file of codes; default: drawn.")
_SCORES = flags.DEFINE_string(
    "scores", None, "The scores: a CSV or .npy with a row per code."
)
_ATTRIBUTES = flags.DEFINE_list(
    "attributes", [], "Which scores to find directions of; default: all."
)
_CONDITIONAL = flags.DEFINE_list(
    "conditional", [], "Make the directions orthogonal to those of these scores."
)
_SPACE = flags.DEFINE_enum("space", "w", ["z", "w"], "The space of the directions.")
_NUM_SAMPLES = flag_types.define_integer(
    "num_samples", 20_000, "How many codes to draw.", 2
)
_NUM_COMPONENTS = flag_types.define_integer(
    "num_components", 20, "How many components pca and sefa give.", 1
)
_SEED = flag_types.define_seed("seed", 0, "The seed of the codes.")
_CHOSEN = flag_types.define_number(
    "chosen", 0.02, "svm: which share, or how many, of the extremes to learn from."
)
_INVALID = flag_types.define_number("invalid_value", None, "Scores to leave out.")
_THRESHOLD = flag_types.define_number(
    "threshold", None, "difference: the score from which on a code has the attribute."
)
_REACH = flag_types.define_number(
    "reach", 0.3, "regression: weight of the move's length against its leak.", 0.0
)
_ACTIVATIONS = flag_types.define_integer(
    "activations", None, "pca: the side of the block whose activations are analyzed."
)
_LAYERS = flags.DEFINE_string(
    "layers", None, 'sefa: the layers, such as "0-4"; default: all.'
)
_RGB = flags.DEFINE_boolean("with_rgb", False, "sefa: the RGB layers count too.")
_CALIBRATE_ON = flags.DEFINE_string(
    "calibrate_on",
    None,
    "Directory or file of codes by which lengths are set, other than those measured"
    " on; default: drawn.",
)
_MEASURE_ON = flags.DEFINE_string(
    "measure_on", None, "Directory or file of codes to measure on; default: drawn."
)
_NUM_MEASURED = flag_types.define_integer(
    "num_measured", 64, "How many codes to measure on.", 1
)
_STEP = flag_types.define_number(
    "step", 1.5, "How far the measurement moves, in deviations.", 0.01
)
_MAX_LEAK = flag_types.define_number(
    "max_leak", None, "Leave out directions that leak more.", 0.0
)
_MAX_ERROR = flag_types.define_number(
    "max_error", None, "Leave out what has an effect farther from 1 than this.", 0.0
)


def task() -> finding_task.FindingTask:
    """Returns the flags as a task.

    Raises:
      UsageError: scores without the codes that were scored.
    """
    if bool(_SCORES.value) and not _CODES.value:
        raise command_line.UsageError("--scores needs the --codes that were scored.")
    layers = seed_pictures.parse_numbers(_LAYERS.value) if _LAYERS.value else None
    return finding_task.FindingTask(
        method=_METHOD.value,
        generator=_GENERATOR.value,
        scorer=_SCORER.value,
        codes=_CODES.value,
        scores=_SCORES.value,
        attributes=tuple(_ATTRIBUTES.value),
        conditional=tuple(_CONDITIONAL.value),
        space=_SPACE.value,
        num_samples=_NUM_SAMPLES.value,
        num_components=_NUM_COMPONENTS.value,
        seed=_SEED.value,
        chosen=_CHOSEN.value,
        invalid_value=_INVALID.value,
        threshold=_THRESHOLD.value,
        reach=_REACH.value,
        activations=_ACTIVATIONS.value,
        layers=None if layers is None else tuple(layers),
        with_rgb=_RGB.value,
        calibrate_on=_CALIBRATE_ON.value,
        measure_on=_MEASURE_ON.value,
        num_measured=_NUM_MEASURED.value,
        step=_STEP.value,
        max_leak=_MAX_LEAK.value,
        max_error=_MAX_ERROR.value,
        command=" ".join(sys.argv[1:]),
    )
