"""Trains the demo's feature network and its perceptual distance on rendered faces.

Stages, each of which resumes where it was interrupted: the network that reads
attributes (checkpoints in `<output_dir>/checkpoints`), the weights of the LPIPS-like
distance on its features, and the bundles `avatar_vgg` and `avatar_lpips` with their
cards.

    python -m experiments.train_attributes --output_dir=runs/attributes
"""

import pathlib

import jax
from absl import flags
from flax import nnx

from experiments.demo_set import attribute_cards
from experiments.launch import command_line, flag_types, outputs
from jax_encoder import io
from jax_encoder.avatars import attribute_network as attributes
from jax_encoder.avatars import distance_lessons as perceptual
from jax_encoder.nn import vgg
from jax_encoder.training import checkpoints

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.", required=True)
_RESOLUTION = flag_types.define_integer(
    "resolution", 64, "Side of the renderings, a power of two.", 32, 1024
)
_NUM_STEPS = flag_types.define_integer(
    "num_steps", 8000, "How many steps to take.", lower_bound=2
)
_STOP_AFTER = flag_types.define_integer(
    "stop_after", None, "Make the bundles at this step of the schedule.", lower_bound=1
)
_NUM_WARMUP = flag_types.define_integer(
    "num_warmup", 100, "During how many of these the learning rate rises."
)
_NUM_PEOPLE = flag_types.define_integer(
    "num_people", 16, "People per step; two pictures of each.", lower_bound=2
)
_NUM_PAIRS = flag_types.define_integer(
    "num_pairs", 4096, "Pairs of faces to calibrate on; a multiple of 64.", 64
)
_SEED = flag_types.define_seed("seed", 0, "The seed of the weights and the pictures.")
_EVERY = flag_types.define_integer(
    "checkpoint_every", 200, "How many steps lie between two checkpoints.", 1
)


def main(argv):
    """Runs the stages that are not done yet."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    root = outputs.claim(_OUTPUT_DIR.value)
    network, num_steps = _train(root / "checkpoints")
    flags_used = (_RESOLUTION, _NUM_STEPS, _NUM_WARMUP, _NUM_PEOPLE, _NUM_PAIRS, _SEED)
    options = {
        "command": "python -m experiments.train_attributes"
        + "".join(f" --{flag.name}={flag.value}" for flag in flags_used)
        + f" --stop_after={num_steps}",
        "resolution": _RESOLUTION.value,
        "num_pictures": 2 * num_steps * _NUM_PEOPLE.value,
        "license": "Apache-2.0",
    }
    io.save(network, root / "avatar_vgg", provenance=options, dtype="float16")
    config = perceptual.CalibrationConfig(
        num_pairs=_NUM_PAIRS.value, resolution=_RESOLUTION.value
    )
    key = jax.random.key(_SEED.value + 2)
    distance = perceptual.calibrate(io.load(root / "avatar_vgg"), key, config)
    io.save(distance, root / "avatar_lpips", provenance=options, dtype="float16")
    attribute_cards.write(root, options, jax.random.key(_SEED.value + 1000))
    return 0


def _train(directory: pathlib.Path) -> tuple[vgg.VGG, int]:
    config = attributes.AttributeConfig(
        num_steps=_NUM_STEPS.value,
        num_warmup=_NUM_WARMUP.value,
        num_people=_NUM_PEOPLE.value,
        resolution=_RESOLUTION.value,
    )
    architecture = attributes.architecture(_RESOLUTION.value)
    network = vgg.VGG(architecture, rngs=nnx.Rngs(_SEED.value))
    state = attributes.init(network, config)
    if checkpoints.steps(directory):
        state = checkpoints.restore(directory, state)
    key = jax.random.key(_SEED.value + 1)
    last = min(_STOP_AFTER.value or config.num_steps, config.num_steps)
    while (done := int(state.step)) < last:
        state, losses = attributes.step(state, network, key, config=config)
        if (done + 1) % _EVERY.value == 0 or done + 1 == last:
            checkpoints.save(directory, done + 1, state)
            print(f"Step {done + 1}: losses {losses.tolist()}", flush=True)
    return attributes.averaged(network, state), int(state.step)


if __name__ == "__main__":
    command_line.run(main)
