"""All presets on the demo's world, where the truth is known."""

import dataclasses
import time

import jax
import jax.numpy as jnp
import numpy as np

from experiments.demo_set import likeness
from experiments.editing import readers
from experiments.networks import resources
from jax_encoder import demo
from jax_encoder.avatars import attribute_network, face_attributes, face_rendering
from jax_encoder.editing import direction_files, effects
from jax_encoder.inversion import inverter, presets
from jax_encoder.io import json_types
from jax_encoder.metrics import features, frechet, pairs
from jax_encoder.nn import base

EDITED = "smile"
COLUMNS = {
    "latent_error": "RMS distance from the true code, over that of random codes",
    "attribute_error": "of held-out renderings, as the attribute network reads them",
    "psnr": "dB, of 8-bit pictures",
    "lpips": "the demo's distance",
    "identity": "cosine of the demo's embedding",
    "frechet": "distance of reconstructions from their pictures, LPIPS features",
    "edit_effect": f"of a step of {EDITED}, over what was asked for; 1 is right",
    "edit_leak": "mean change of other attributes, in deviations",
    "seconds": "of processor time for a picture, compiling included",
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """Pictures of which all is known.

    Attributes:
      generator: the demo's.
      networks: by role.
      targets: `[2 N, R, R, 3]`, first the generator's own, then held-out renderings.
      ws: `[N, num_ws, w_dim]` the codes of the first.
      people: N attributes of the others, by name.
      spread: the RMS distance of two random codes.
    """

    generator: base.Generator
    networks: dict[str, base.Network]
    targets: np.ndarray
    ws: np.ndarray
    people: list[dict[str, float]]
    spread: float


def make_world(num: int, seed: int = 1000) -> World:
    """Draws a world of twice `num` pictures."""
    generator = demo.generator()
    own_key, other_key = jax.random.split(jax.random.key(seed))
    z = jax.random.normal(own_key, (num, generator.config.z_dim))
    w = np.asarray(generator.mapping(z))
    ws = np.repeat(w[:, None], generator.config.num_ws, axis=1)
    own = jnp.clip(generator.synthesis(jnp.asarray(ws)), -1, 1)
    people = face_attributes.sample(other_key, num)
    rendered = face_rendering.render(people, generator.config.resolution)
    names = ("lpips", "vgg", "identity", "encoder")
    return World(
        generator=generator,
        networks={name: demo.network(name) for name in names},
        targets=np.concatenate([np.asarray(own), np.asarray(rendered)]),
        ws=ws,
        people=[face_attributes.by_name(values) for values in people],
        spread=float(np.sqrt(2) * demo.statistics().w_std),
    )


def _shortened(name: str, max_steps: int) -> presets.Preset:
    """A preset that takes no more steps, nor its tuning, than is allowed."""
    preset = presets.get(name)
    preset = preset.changed(num_steps=min(preset.config.num_steps, max_steps))
    if preset.pivotal is None:
        return preset
    tuning = min(preset.pivotal.num_steps, max_steps)
    pivotal = dataclasses.replace(preset.pivotal, num_steps=tuning)
    return dataclasses.replace(preset, pivotal=pivotal)


def _statistics(world: World, pictures: np.ndarray) -> features.FeatureStatistics:
    described = features.describe(world.networks["lpips"], jnp.asarray(pictures))
    return features.statistics([np.asarray(described)])


def measure(world: World, name: str, max_steps: int) -> json_types.Row:
    """Inverts all pictures by a preset, and measures everything.

    Args:
      world: the pictures.
      name: of the preset.
      max_steps: no preset runs longer; each at most its own steps.

    Returns:
      The columns of `COLUMNS`, "preset" and "num_steps".
    """
    preset = _shortened(name, max_steps)
    num_steps = preset.config.num_steps
    engine = inverter.Inverter(
        world.generator,
        preset,
        world.networks,
        statistics=demo.statistics(),
        batch_size=len(world.targets),
        chunk=min(10, num_steps),
    )
    start = time.process_time()
    found = engine.invert(world.targets)
    seconds = (time.process_time() - start) / len(world.targets)
    pictures = np.clip(found.images, -1.0, 1.0)
    num = len(world.ws)
    apart = np.sum(np.square(found.ws[:num] - world.ws), axis=-1)
    errors = likeness.compare(world.networks["vgg"], pictures[num:], world.people)
    measured = jax.jit(pairs.measure)(
        {k: world.networks[k] for k in ("lpips", "identity")},
        jnp.asarray(pictures),
        jnp.asarray(world.targets),
    )
    described = [_statistics(world, x) for x in (world.targets, pictures)]
    effect = _edit(world, found.ws)
    return {
        "preset": name,
        "num_steps": num_steps,
        "latent_error": float(np.sqrt(np.mean(apart)) / world.spread),
        "attribute_error": float(np.mean([e["attribute_error"] for e in errors])),
        "psnr": float(np.mean(measured["psnr"])),
        "lpips": float(np.mean(measured["lpips"])),
        "identity": float(np.mean(measured["identity"])),
        "frechet": frechet.frechet_distance(*described),
        "edit_effect": effect.gain,
        "edit_leak": effect.leak,
        "seconds": seconds,
    }


def _edit(world: World, ws: np.ndarray) -> effects.Effect:
    """What a step of the demo's direction does to the codes found."""
    found = direction_files.load(resources.DEMO_GENERATOR / "directions.npz")
    direction = found[EDITED]
    network = world.networks["vgg"]
    read = readers.reader(world.generator, network)
    before = read(ws)
    scale = readers.scale(network, before.scores)
    return effects.measure(direction, ws, read, scale, before=before)


def own_errors(world: World) -> dict[str, float]:
    """What perfect inversions would be measured as: the networks' own errors."""
    num = len(world.ws)
    read = likeness.compare(world.networks["vgg"], world.targets[num:], world.people)
    effect = _edit(world, world.ws)
    return {
        "attribute_error": float(np.mean([e["attribute_error"] for e in read])),
        "edit_effect": effect.gain,
        "edit_leak": effect.leak,
        "num_outputs": attribute_network.NUM_OUTPUTS,
    }
