"""The stages of `experiments.train_encoder`; each resumes from its checkpoints."""

import ast
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from experiments.networks import resources
from experiments.training import training_log, training_loop
from jax_encoder import io
from jax_encoder.avatars import encoder_lessons, rendered
from jax_encoder.errors import InputError
from jax_encoder.io import files, json_types
from jax_encoder.nn import base, encoder_decoder, irse, small_encoder, style_encoder
from jax_encoder.training import (
    encoder_evaluation,
    encoder_presets,
    encoder_sources,
    encoder_training,
    replication,
    sources,
)

_NUM_SHOWN = 16
# Steps that no training reaches.
_HELD_OUT = 10**8


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderJob:
    """What to train; see the flags of `experiments.train_encoder`."""

    output: pathlib.Path
    preset: str = "avatars"
    backbone: str | None = None
    generator: str | None = None
    data: str | None = None
    sample_share: float = 0.0
    start: str | None = None
    lesson_steps: int = 0
    num_steps: int = 10_000
    checkpoint_every: int = 500
    log_every: int = 50
    num_held_out: int = 64
    networks: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    changes: Mapping[str, object] = dataclasses.field(default_factory=dict)
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderSetting:
    """What all stages of a job share.

    Attributes:
      generator: the frozen generator.
      networks: "lpips" and "identity", as far as they are wanted.
      source: of the training's pairs.
      held_out: `[N, R, R, 3]`, pictures for measures.
      direction: `[w_dim]`, of the edits whose consistency is measured.
      key: of the training.
    """

    generator: base.Generator
    networks: base.Networks
    source: encoder_sources.PairSource
    held_out: np.ndarray
    direction: jax.Array
    key: jax.Array


def parse_changes(texts: Sequence[str]) -> dict[str, object]:
    """Reads options "NAME=VALUE": numbers, None, True, False, else texts.

    Raises:
      ValueError: there is no "=".
    """
    found: json_types.Row = {}
    for text in texts:
        name, is_there, value = text.partition("=")
        if not is_there:
            raise InputError(f"--set={text}: give NAME=VALUE, such as batch_size=4.")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


def run(job: EncoderJob) -> base.Network:
    """Runs the stages that are not done, and writes the bundle `encoder`."""
    setting = _setting(job)
    preset = encoder_presets.preset(
        job.preset, setting.generator, backbone=job.backbone
    )
    config = encoder_training.changed(preset.training, job.changes)
    encoder = _initial(job, preset.encoder)
    metric = None
    if job.lesson_steps or config.weights.code:
        key = jax.random.fold_in(setting.key, 3)
        metric = encoder_sources.code_metric(setting.generator, key)
    if job.lesson_steps:
        lessons = encoder_training.for_steps(
            encoder_presets.lessons(config), job.lesson_steps
        )
        encoder = _stage(job, "lessons", encoder, lessons, setting, metric)
    if job.num_steps:
        config = encoder_training.for_steps(config, job.num_steps)
        encoder = _stage(job, "pictures", encoder, config, setting, metric)
    encoder = _whole(encoder, setting.generator, config)
    io.save(encoder, job.output / "encoder", provenance=_provenance(job))
    report = _measure(encoder, setting)
    files.write_json(job.output / "measures.json", report)
    print(report, flush=True)
    return encoder


def _setting(job: EncoderJob) -> EncoderSetting:
    source = resources.generator(job.generator)
    generator, key = source.network, jax.random.key(job.seed)
    is_demo = source.path == resources.DEMO_GENERATOR
    if job.data is None:
        if not is_demo:
            raise InputError("Give --data: pictures like the generator's, or samples.")
        job = dataclasses.replace(job, data="named")
    found = resources.networks(
        [name for name in ("lpips", "identity") if job.networks.get(name) != "none"],
        job.networks,
        is_demo=is_demo,
    )
    pair_source = _source(job, generator, key)
    held_out = _pictures(job, generator, jax.random.fold_in(key, 1))
    return EncoderSetting(
        generator=generator,
        networks=found,
        source=pair_source,
        held_out=np.asarray(held_out(_HELD_OUT, job.num_held_out)),
        direction=encoder_evaluation.main_direction(
            generator, jax.random.fold_in(key, 2)
        ),
        key=jax.random.fold_in(key, 4),
    )


def _pictures(
    job: EncoderJob, generator: base.Generator, key: jax.Array
) -> sources.Source:
    resolution = generator.config.resolution
    if job.data in ("faces", "named"):
        return rendered.source(key, resolution)
    if job.data == "samples":
        drawn = encoder_sources.sampled(generator, key)
        return lambda step, num: drawn(step, num).images
    return sources.folder(str(job.data), resolution, seed=job.seed)


def _source(
    job: EncoderJob, generator: base.Generator, key: jax.Array
) -> encoder_sources.PairSource:
    samples = encoder_sources.sampled(generator, jax.random.fold_in(key, 5))
    if job.data == "samples":
        return samples
    if job.data == "named":
        others = encoder_lessons.named(generator, jax.random.fold_in(key, 6))
    else:
        pictures = _pictures(job, generator, jax.random.fold_in(key, 6))
        others = encoder_sources.pictures(pictures, generator)
    share = job.sample_share
    return encoder_sources.mixed([(others, 1.0 - share), (samples, share)])


def _initial(job: EncoderJob, architecture: base.Network) -> base.Network:
    """Begins with random weights, a face recognizer's, or an encoder's."""
    encoder = encoder_presets.build(architecture, seed=job.seed)
    if job.start is None:
        return encoder
    network = resources.load(job.start).network
    if isinstance(network, irse.IRSE):
        return encoder_presets.with_face_backbone(encoder, network)
    network = getattr(network, "encoder", network)
    if not isinstance(network, style_encoder.StyleEncoder | small_encoder.SmallEncoder):
        raise InputError(f"{job.start} is no encoder and no face recognizer.")
    return network


def _stage(
    job: EncoderJob,
    name: str,
    encoder: object,
    config: encoder_training.EncoderConfig,
    setting: EncoderSetting,
    metric: jax.Array | None,
) -> object:
    state, networks = encoder_training.init(
        encoder,
        setting.generator,
        config,
        networks=dict(setting.networks),
        metric=metric,
        seed=job.seed,
    )
    state, networks, sharding = replication.distribute(state, networks)

    def step(state, done):
        batch = jax.device_put(setting.source(done, config.batch_size), sharding)
        return encoder_training.train_step(
            state, networks, batch, setting.key, config=config
        )

    def look(state, log, done):
        whole = _whole(
            encoder_training.encoder(state, networks), setting.generator, config
        )
        _draw(log, whole, setting, f"faces_{done:07d}")
        return _measure(whole, setting)

    state = training_loop.run(
        job.output / name,
        state,
        step,
        pace=training_loop.pace_of(job, config.optimizer.num_steps),
        batch_size=config.batch_size,
        look=look,
    )
    return encoder_training.encoder(state, networks)


def _draw(
    log: training_log.TrainingLog, encoder, setting: EncoderSetting, name: str
) -> None:
    """Pictures above their reconstructions."""
    shown = setting.held_out[:_NUM_SHOWN]
    found = encoder_evaluation.reconstruct(encoder, setting.generator, shown)
    half = len(shown) // 2 or 1
    rows = [part[k : k + half] for k in (0, half) for part in (shown, found)]
    log.sheet(name, np.concatenate(rows), num_columns=half)


def _measure(encoder: object, setting: EncoderSetting) -> dict[str, float]:
    return encoder_evaluation.measure(
        encoder,
        setting.generator,
        setting.held_out,
        networks=setting.networks,
        direction=setting.direction,
    )


def _whole(
    encoder: base.Network,
    generator: base.Generator,
    config: encoder_training.EncoderConfig,
) -> base.Network:
    """What gives whole codes: a small encoder itself, or one with its generator."""
    if hasattr(encoder, "latent_avg") and encoder.config.in_channels == 3:
        return encoder
    return encoder_decoder.join(encoder, generator, num_steps=config.num_refinements)


def _provenance(job: EncoderJob) -> dict[str, object]:
    told = ("preset", "backbone", "generator", "data", "sample_share", "start")
    made = {name: getattr(job, name) for name in (*told, "lesson_steps", "num_steps")}
    for name in ("data", "start", "generator"):  # Not where they lay.
        made[name] = made[name] and pathlib.Path(made[name]).name
    options = [f"--{name}={value}" for name, value in made.items() if value is not None]
    options += [f"--set={name}={value}" for name, value in job.changes.items()]
    made |= {"seed": job.seed, "changes": dict(job.changes)}
    return {
        "made_by": "experiments.train_encoder",
        "command": f"python -m experiments.train_encoder {' '.join(options)}",
        "job": made,
        "license": "Apache-2.0",
    }
