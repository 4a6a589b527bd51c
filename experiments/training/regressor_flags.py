"""The flags of the training of a regressor, and the job that they describe."""

import pathlib

from absl import flags

from experiments.launch import flag_types
from experiments.training import regressor_stages
from jax_encoder.training import regressor_training, weight_optimizers

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.", required=True)
_TASK = flags.DEFINE_enum(
    "task", "image_to_latent", regressor_stages.TASKS, "What to predict from what."
)
_BACKBONE = flags.DEFINE_enum(
    "backbone",
    "resnet50",
    regressor_stages.BACKBONES,
    "The network that image_to_latent is built on.",
)
_GENERATOR = flags.DEFINE_string(
    "generator", None, "The generator; default: the demo's."
)
_DATA = flags.DEFINE_string(
    "data", "samples", 'The examples: "samples", "named", or a folder.'
)
_LABELS = flags.DEFINE_string(
    "labels", None, "A .npy file of labels with a row for every picture."
)
_ATTRIBUTES = flags.DEFINE_list(
    "attributes", [], "Which attributes of rendered faces to learn, by name."
)
_IDENTITY = flags.DEFINE_string(
    "identity", None, "The network that makes descriptors. Default: the demo's."
)
_LOSS = flags.DEFINE_enum(
    "loss", None, regressor_training.LOSSES, "The loss; default: as published."
)
_OPTIMIZER = flags.DEFINE_enum(
    "optimizer", "adam", weight_optimizers.NAMES, "The name of the optimizer."
)
_RATE = flag_types.define_number("learning_rate", 1e-3, "The largest learning rate.")
_SCHEDULE = flags.DEFINE_enum(
    "schedule",
    "one_cycle",
    weight_optimizers.SCHEDULES,
    "How the learning rate changes.",
)
_NUM_STEPS = flag_types.define_integer(
    "num_steps", 30_000, "How many steps to take.", 1
)
_BATCH_SIZE = flag_types.define_integer(
    "batch_size", 32, "How many examples a step takes.", 1
)
_EMA = flag_types.define_number(
    "ema_half_life", None, "In how many examples the averaged weights forget half."
)
_NUM_HELD_OUT = flag_types.define_integer(
    "num_held_out", 200, "How many examples are kept for measurements.", 1
)
_EVERY = flag_types.define_integer(
    "checkpoint_every", 500, "Steps between checkpoints.", 1
)
_LOG_EVERY = flag_types.define_integer("log_every", 50, "Steps between log lines.", 1)
_SEED = flag_types.define_seed("seed", 0, "The seed of weights and examples.")


def job() -> regressor_stages.RegressorJob:
    """Returns the flags as a job.

    Raises:
      UsageError: flags that make no sense together.
    """
    return regressor_stages.RegressorJob(
        output=pathlib.Path(_OUTPUT_DIR.value),
        task=_TASK.value,
        backbone=_BACKBONE.value,
        generator=_GENERATOR.value,
        data=_DATA.value,
        labels=_LABELS.value,
        attributes=tuple(_ATTRIBUTES.value),
        identity=_IDENTITY.value,
        loss=_LOSS.value,
        optimizer=weight_optimizers.OptimizerConfig(
            name=_OPTIMIZER.value,
            learning_rate=_RATE.value,
            schedule=_SCHEDULE.value,
            num_steps=_NUM_STEPS.value,
        ),
        batch_size=_BATCH_SIZE.value,
        ema_half_life=_EMA.value,
        checkpoint_every=_EVERY.value,
        log_every=_LOG_EVERY.value,
        num_held_out=_NUM_HELD_OUT.value,
        seed=_SEED.value,
    )
