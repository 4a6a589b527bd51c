"""The stages of `experiments.train_gan`; each resumes from its checkpoints."""

import dataclasses
import functools
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments.networks import resources
from experiments.runs import settings
from experiments.training import training_loop, training_measures
from jax_encoder import io
from jax_encoder.avatars import face_rendering, mapping_lessons, regression, rendered
from jax_encoder.errors import InputError
from jax_encoder.io import bundles, files
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan2, stylegan2_discriminator
from jax_encoder.training import (
    fakes,
    gan,
    gan_presets,
    generator_evaluation,
    growing,
    replication,
    sources,
)

_NUM_SHOWN = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANJob:
    """What to train; see the flags of `experiments.train_gan`."""

    output: pathlib.Path
    data: str = "faces"
    preset: str = "auto"
    resolution: int = 64
    image_channels: int = 3
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    start: str | None = None
    mapping_steps: int = 45_000
    bootstrap_steps: int = 0
    bootstrap_learning_rate: float = regression.RegressionConfig.learning_rate
    num_steps: int = 10_000
    checkpoint_every: int = 500
    log_every: int = 50
    measure_every: int | None = None
    num_fid: int = 2000
    networks: training_measures.MeasuringNetworks = (
        training_measures.MeasuringNetworks()
    )
    seed: int = 0


def run(job: GANJob) -> stylegan2.StyleGAN2Generator:
    """Runs the stages that are not done, and writes the bundle `generator`.

    Raises:
      Failure: a loss or weight became NaN or infinite; checkpoints from before are
        kept, and a bundle of an earlier call stays.
      SettingsError: the directory holds a training with other settings.
      ValueError: settings that make no sense.
    """
    _claim(job)
    preset = gan_presets.preset(
        job.preset, job.resolution, num_devices=jax.device_count()
    )
    channels = {"image_channels": job.image_channels}
    preset = dataclasses.replace(
        preset,
        generator=dataclasses.replace(preset.generator, **channels),
        discriminator=dataclasses.replace(preset.discriminator, **channels),
        training=dataclasses.replace(preset.training, **job.changes),
    )
    key = jax.random.key(job.seed)
    source = _source(job, key)
    judge = training_measures.GeneratorMeasures(
        job.networks, source, job.resolution, num=job.num_fid
    )
    generator = _initial(job, preset)
    if job.bootstrap_steps:
        generator = _bootstrap(job, generator, preset, key, judge)
    if job.num_steps:
        generator = _adversarial(job, generator, preset, key, source, judge)
    io.save(generator, job.output / "generator", provenance=_provenance(job))
    if job.num_fid:
        measures = judge.latest or judge.measure(generator)
        files.write_json(job.output / "measures.json", measures)
        print(measures, flush=True)
    return generator


def _initial(
    job: GANJob, preset: gan_presets.GANPreset
) -> stylegan2.StyleGAN2Generator:
    if job.start is None:
        return stylegan2.StyleGAN2Generator(preset.generator, rngs=nnx.Rngs(job.seed))
    generator = resources.load(job.start, "generator").network
    if not isinstance(generator, stylegan2.StyleGAN2Generator):
        raise InputError(f"{job.start} is no StyleGAN2 generator.")
    if generator.config.resolution > job.resolution:
        raise InputError(
            f"{job.start} makes pictures of {generator.config.resolution} pixels: give"
            f" --resolution={generator.config.resolution}, or a larger one to grow it."
        )
    if generator.config.image_channels != job.image_channels:
        raise InputError(
            f"{job.start} makes pictures of {generator.config.image_channels} channels:"
            f" give --image_channels={generator.config.image_channels}."
        )
    channels = preset.generator.channels[len(generator.config.channels) :]
    if not channels:
        return generator
    return growing.grow(generator, channels, seed=job.seed)


_STATIC = ("config", "resolution")


def _taught(job, taught, generator, key) -> stylegan2.StyleGAN2Generator:
    """The generator after its mapping network had its lesson, which is kept."""
    if bundles.is_bundle(taught):
        return io.load(taught)
    if not job.mapping_steps:
        return generator
    generator, errors = mapping_lessons.teach(
        generator,
        key,
        num_steps=job.mapping_steps,
        num_people=min(131_072, 256 * job.mapping_steps),
    )
    error = float(errors[-100:].mean())
    print(f"The mapping's error: {error:.4f}", flush=True)
    io.save(generator, taught, provenance={"error": error})
    return generator


def _bootstrap(job, generator, preset, key, judge) -> stylegan2.StyleGAN2Generator:
    """Teaches the mapping, then the synthesis coarse to fine."""
    config = regression.RegressionConfig(
        batch_size=preset.training.batch_size,
        learning_rate=job.bootstrap_learning_rate,
        num_steps=job.bootstrap_steps,
        num_cooldown=job.bootstrap_steps // 4,
    )
    root = job.output / "bootstrap"
    generator = _taught(job, root / "mapping", generator, key)
    graphdef, _, rest = nnx.split(generator, nnx.Param, ...)
    advance = jax.jit(regression.step, static_argnames=_STATIC, donate_argnames="state")
    draw = jax.jit(regression.draw, static_argnums=(1, 2, 3))

    def step(state, done):
        z, cutoff, attributes = draw(
            jax.random.fold_in(key, done),
            config.batch_size,
            generator.config.z_dim,
            config.mixing_probability,
        )
        targets = face_rendering.render(attributes, job.resolution)
        side = _side(job, done / config.num_steps)
        state, loss = advance(
            state, generator, z, cutoff, targets, config=config, resolution=side
        )
        return state, {"loss/regression": loss}

    state = _trained(
        job,
        root,
        regression.init(generator, config),
        step,
        judge=judge,
        shown=lambda state: nnx.merge(graphdef, state.average, rest),
        num_steps=config.num_steps,
        batch_size=config.batch_size,
    )
    generator = nnx.clone(nnx.merge(graphdef, state.average, rest))
    generator.w_avg[...] = statistics.estimate(generator, num_samples=100_000).w_avg
    return generator


def _side(job: GANJob, progress: float) -> int:
    """Coarse to fine: a quarter of the side, then half, then all of it.

    A generator that was taught before draws the coarse pictures already.
    """
    resolution = job.resolution
    if job.start:
        return resolution
    if progress < 0.1:
        return max(resolution // 4, 8)
    return max(resolution // 2, 8) if progress < 0.3 else resolution


def _adversarial(
    job, generator, preset, key, source, judge
) -> stylegan2.StyleGAN2Generator:
    discriminator = stylegan2_discriminator.StyleGAN2Discriminator(
        preset.discriminator, rngs=nnx.Rngs(job.seed + 1)
    )
    config = preset.training
    root = job.output / "adversarial"
    state, networks = gan.init(generator, discriminator, config)
    state, networks, sharding = replication.distribute(state, networks)
    lesson = _lessons(job, generator, config, key, sharding)

    def step(state, done):
        images = jax.device_put(source(done, config.batch_size), sharding)
        return gan.train_step(
            state, networks, images, key, config, sharding, lesson(done)
        )

    state = _trained(
        job,
        root,
        state,
        step,
        judge=judge,
        shown=lambda state: gan.averaged_generator(state, networks),
        num_steps=job.num_steps,
        batch_size=config.batch_size,
        looks_first=bool(job.start or job.bootstrap_steps),
    )
    return gan.averaged_generator(state, networks)


def _trained(
    job: GANJob,
    root: pathlib.Path,
    state: Any,
    step: Callable[[Any, int], tuple[Any, Mapping[str, Any]]],
    *,
    judge: training_measures.GeneratorMeasures,
    shown: Callable[[Any], stylegan2.StyleGAN2Generator],
    num_steps: int,
    batch_size: int,
    looks_first: bool = False,
) -> Any:
    """Runs one stage's loop, with sheets at checkpoints and measures in between."""

    def look(state, log, done):
        is_last = done == num_steps
        judge.latest = None
        if done and (done % job.checkpoint_every == 0 or is_last):
            pictures = generator_evaluation.samples(
                shown(state), jax.random.key(99), num=_NUM_SHOWN, batch_size=16
            )
            log.sheet(f"samples_{done:07d}", np.concatenate(list(pictures)))
        if judge.note() or not _is_measured(job, done, is_last):
            return {}
        found = judge.measure(shown(state))
        return {name: found[name] for name in ("fid", "fid_real", "ppl")}

    return training_loop.run(
        root,
        state,
        step,
        pace=dataclasses.replace(
            training_loop.pace_of(job, num_steps),
            look_every=job.measure_every,
            looks_first=looks_first,
        ),
        batch_size=batch_size,
        look=look,
        remedy="Train again with a lower --learning_rate, or a higher --r1_gamma, in"
        " another --output_dir.",
    )


def _lessons(
    job, generator, config: gan.GANConfig, key, sharding
) -> Callable[[int], fakes.Lesson | None]:
    """Returns what draws the lesson of a step, or None where none is given."""
    shape = (config.batch_size, generator.config.z_dim)
    people = jax.jit(regression.people)
    # Apart from those that the steps of the training derive from `key` themselves.
    lesson_key = jax.random.split(key)[1]

    def lesson(step):
        if not config.lesson_weight or step < config.head_start:
            return None
        z = jax.random.normal(jax.random.fold_in(lesson_key, step), shape)
        targets = face_rendering.render(people(z), job.resolution)
        return jax.device_put(fakes.Lesson(z=z, targets=targets), sharding)

    return lesson


def _is_measured(job: GANJob, done: int, is_last: bool) -> bool:
    every = job.measure_every
    if every is None:
        every = 4 * job.checkpoint_every
    return bool(job.num_fid and every) and (done % every == 0 or is_last)


def _source(job: GANJob, key: jax.Array) -> sources.Source:
    if job.data == "faces":
        return rendered.source(jax.random.fold_in(key, 17), job.resolution)
    say = functools.partial(print, file=sys.stderr, flush=True)
    return sources.folder(
        job.data, job.resolution, channels=job.image_channels, seed=job.seed, say=say
    )


def _claim(job: GANJob) -> None:
    """Notes the settings in the directory, or compares them with those noted there."""
    free = ("output", "num_steps", "checkpoint_every", "log_every", "measure_every")
    now = {k: v for k, v in dataclasses.asdict(job).items() if k not in free}
    now.pop("networks")
    now.pop("num_fid")
    settings.claim(job.output, now, "a training")


def _provenance(job: GANJob) -> dict[str, object]:
    made = dataclasses.asdict(job)
    for name in ("output", "networks", "measure_every", "num_fid"):
        made.pop(name)
    for name in ("data", "start"):  # Not where they lay.
        made[name] = made[name] and pathlib.Path(made[name]).name
    return {
        "made_by": "experiments.train_gan",
        "command": _command(made),
        "job": made,
        "license": "Apache-2.0",
    }


def _command(made: dict[str, Any]) -> str:
    """The flags that decide what comes out."""
    names = ("preset", "resolution", "mapping_steps", "bootstrap_steps", "num_steps")
    named = {name: made[name] for name in (*names, "seed")} | made["changes"]
    if made["data"] != "faces":
        named["data"] = made["data"]
    rate = made["bootstrap_learning_rate"]
    if made["bootstrap_steps"] and rate != GANJob.bootstrap_learning_rate:
        named["bootstrap_learning_rate"] = rate
    if made["start"]:
        named["generator"] = made["start"]
    options = " ".join(f"--{name}={value}" for name, value in named.items())
    return f"python -m experiments.train_gan --output_dir=runs/generator {options}"
