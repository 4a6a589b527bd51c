"""The flags of the training of an encoder, and the job that they describe."""

import pathlib

from absl import flags

from experiments.launch import flag_types
from experiments.training import encoder_stages
from jax_encoder.training import encoder_presets

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.", required=True)
_PRESET = flags.DEFINE_enum("preset", "avatars", encoder_presets.NAMES, "Method.")
_BACKBONE = flags.DEFINE_enum(
    "backbone",
    None,
    encoder_presets.BACKBONES,
    "The network that the encoder is built on; default: the preset's.",
)
_GENERATOR = flags.DEFINE_string(
    "generator", None, "The generator; default: the demo's."
)
_DATA = flags.DEFINE_string(
    "data",
    None,
    'A folder of pictures, "samples", "faces" or "named"; default with the demo.',
)
_SAMPLE_SHARE = flag_types.define_number(
    "sample_share", 0.0, "Which share of the pictures is the generator's own.", 0.0, 1.0
)
_START = flags.DEFINE_string(
    "start", None, "An encoder to go on from, or ArcFace (IR-SE50) for the backbone."
)
_LESSONS = flag_types.define_integer(
    "lesson_steps", 0, "How many steps learn from known codes alone.", 0
)
_NUM_STEPS = flag_types.define_integer(
    "num_steps", 10_000, "How many steps learn from pictures.", 0
)
_NUM_HELD_OUT = flag_types.define_integer(
    "num_held_out", 64, "How many pictures are kept for measurements.", 1
)
_EVERY = flag_types.define_integer(
    "checkpoint_every", 500, "Steps between checkpoints.", 1
)
_LOG_EVERY = flag_types.define_integer("log_every", 50, "Steps between log lines.", 1)
_LPIPS = flags.DEFINE_string("lpips", None, 'The distance; "none" for none.')
_IDENTITY = flags.DEFINE_string(
    "identity", None, 'The network that compares faces; "none" for none.'
)
_SEED = flag_types.define_seed("seed", 0, "The seed of weights, latents and pictures.")
_SET = flags.DEFINE_multi_string(
    "set",
    [],
    "An option of the training, such as --set=batch_size=4, --set=weights.lpips=0.5,"
    " --set=optimizer.name=adam, --set=progressive_start=20000, --set=dtype=bfloat16;"
    " see `EncoderConfig` in jax_encoder/training/encoder_training.py.",
)


def job() -> encoder_stages.EncoderJob:
    """Returns the flags as a job.

    Raises:
      UsageError: flags that make no sense together.
    """
    return encoder_stages.EncoderJob(
        output=pathlib.Path(_OUTPUT_DIR.value),
        preset=_PRESET.value,
        backbone=_BACKBONE.value,
        generator=_GENERATOR.value,
        data=_DATA.value,
        sample_share=_SAMPLE_SHARE.value,
        start=_START.value,
        lesson_steps=_LESSONS.value,
        num_steps=_NUM_STEPS.value,
        checkpoint_every=_EVERY.value,
        log_every=_LOG_EVERY.value,
        num_held_out=_NUM_HELD_OUT.value,
        networks={"lpips": _LPIPS.value, "identity": _IDENTITY.value},
        changes=encoder_stages.parse_changes(_SET.value),
        seed=_SEED.value,
    )
