"""Compares ways to invert at equal steps, on pictures of the demo's own world.

    python -m experiments.compare_presets --num_pictures=8 --num_steps=200
    python -m experiments.compare_presets --random_generator=64

Half of the pictures are the generator's own samples, half are held-out renderings,
which it has never made; of a generator with random weights they are all its own. Prints
the mean PSNR and LPIPS of every row; `default` in `jax_encoder.inversion.presets` is
the one that these tables recommend. They are in BUILD.md.
"""

import dataclasses
import time

import jax
import jax.numpy as jnp
from absl import flags
from flax import nnx

from experiments.launch import command_line, flag_types
from experiments.networks import resources
from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.inversion import driver, presets, schedules, starts, terms
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.latents import statistics
from jax_encoder.metrics import pairs
from jax_encoder.nn import stylegan2

_NUM_PICTURES = flag_types.define_integer("num_pictures", 8, "In all.", lower_bound=2)
_NUM_STEPS = flag_types.define_integer(
    "num_steps", 200, "Gradient steps.", lower_bound=1
)
_GENERATOR = flags.DEFINE_string(
    "generator", None, "Bundle; its own samples only. Default: the demo's."
)
_RANDOM = flag_types.define_integer(
    "random_generator",
    None,
    "Instead: a small StyleGAN2 with random weights, of this side.",
    lower_bound=8,
)
_ONLY = flags.DEFINE_multi_string("only", [], "Rows to run; default: all.")
_SEED = flag_types.define_seed("seed", 1000, "Of the pictures.")

_BALANCED = (terms.Pixel(weight=1.0), terms.Perceptual(weight=1.0))
_PIXELS_FIRST = (terms.Pixel(weight=10.0), terms.Perceptual(weight=1.0))


def _row(space: str, rate: float, objective=_BALANCED, **options) -> ProjectorConfig:
    schedule = schedules.CosineRamps(learning_rate=rate)
    return ProjectorConfig(space=space, terms=objective, schedule=schedule, **options)


CANDIDATES = {
    "default": presets.get("default").config,
    "faithful": presets.get("faithful").config,
    "editable": presets.get("editable").config,
    "w+ lr 0.1, pixel x10": _row("w+", 0.1, _PIXELS_FIRST),
    "nvidia-projector": presets.get("nvidia-projector").config,
    "w+ lr 0.02": _row("w+", 0.02),
    "w+ lr 0.05": _row("w+", 0.05),
    "w+ lr 0.1": _row("w+", 0.1),
    "w+ lr 0.2": _row("w+", 0.2),
    "p+ lr 0.1, pixel x10": _row("p+", 0.1, _PIXELS_FIRST),
    "w+ lr 0.1, explored": _row("w+", 0.1, exploration=schedules.Exploration()),
    "p+ lr 0.1": _row("p+", 0.1),
    "w lr 0.1": _row("w", 0.1),
    "z lr 0.1, from seeds": _row("z", 0.1),
}


def _pictures(models: Models, is_demo: bool) -> dict[str, jax.Array]:
    """The targets by their kind, `[N, R, R, 3]` each."""
    own_key, other_key = jax.random.split(jax.random.key(_SEED.value))
    num = _NUM_PICTURES.value // 2 if is_demo else _NUM_PICTURES.value
    z = jax.random.normal(own_key, (num, models.generator.config.z_dim))
    ws = starts.from_z(models, "w+", z)
    found = {"own": jnp.clip(models.generator.synthesis(ws), -1, 1)}
    if is_demo:
        attributes = face_attributes.sample(other_key, num)
        side = models.generator.config.resolution
        found["held-out"] = face_rendering.render(attributes, side)
    return found


def _models() -> Models:
    """The generator that the flags name, with the demo's perceptual network."""
    networks = resources.networks(["lpips"], {}, is_demo=_GENERATOR.value is None)
    if _RANDOM.value is None:
        source = resources.generator(_GENERATOR.value)
        found = resources.latent_statistics(source, with_p=True)
    else:
        generator = _random_generator(_RANDOM.value)
        source = resources.Source(network=generator, path=resources.ASSETS, sha256="")
        found = statistics.estimate(generator, with_p=True)
    return Models(generator=source.network, networks=networks, statistics=found)


def _random_generator(resolution: int) -> stylegan2.StyleGAN2Generator:
    """A StyleGAN2 with few channels and random weights, without noise."""
    num_blocks = resolution.bit_length() - 2
    config = stylegan2.StyleGAN2Config(
        resolution=resolution,
        z_dim=64,
        w_dim=64,
        channels=tuple(max(16, min(64, 1024 >> i)) for i in range(num_blocks)),
        num_mapping_layers=4,
    )
    make = jax.jit(
        lambda: stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(_SEED.value))
    )
    return make()


def _start(models: Models, config: ProjectorConfig, targets: jax.Array) -> jax.Array:
    """The mean; in Z, which has none, the best of 256 seeds."""
    if not config.latent_space.is_before_mapping:
        return starts.mean(models, config.space, len(targets))
    pool = starts.make_pool(models, config)
    z, _ = starts.nearest(models, pool, targets, config)
    return starts.from_z(models, config.space, z)


def main(argv):
    """Runs every row and prints the table."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if _RANDOM.value and _GENERATOR.value:
        raise command_line.UsageError("Give --generator or --random_generator.")
    if unknown := set(_ONLY.value) - set(CANDIDATES):
        raise command_line.UsageError(
            f"--only={sorted(unknown)[0]}: there is no such row; there are"
            f" {', '.join(CANDIDATES)}."
        )
    models = _models()
    pictures = _pictures(models, not (_RANDOM.value or _GENERATOR.value))
    targets = jnp.concatenate(list(pictures.values()))
    kinds = [kind for kind, batch in pictures.items() for _ in batch]
    heads = "".join(f"  {k + ' PSNR':>14}  {k + ' LPIPS':>14}" for k in pictures)
    print(f"{'row':<31}{heads}  seconds")
    for name, candidate in CANDIDATES.items():
        if _ONLY.value and name not in _ONLY.value:
            continue
        config = dataclasses.replace(candidate, num_steps=_NUM_STEPS.value)
        start = time.monotonic()
        values = _start(models, config, targets)
        projection, _ = driver.project(
            models, targets, values, jax.random.key(0), config=config
        )
        images = jnp.clip(projection.images, -1, 1)
        psnr = pairs.psnr(images, targets)
        lpips = models.networks["lpips"](images, targets)
        cells = ""
        for kind in pictures:
            mask = jnp.asarray([k == kind for k in kinds])
            means = (jnp.mean(psnr, where=mask), jnp.mean(lpips, where=mask))
            cells += f"  {means[0]:14.2f}  {means[1]:14.4f}"
        print(f"{name:<31}{cells}  {time.monotonic() - start:7.1f}", flush=True)


if __name__ == "__main__":
    command_line.run(main)
