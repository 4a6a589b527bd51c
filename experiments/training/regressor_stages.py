"""What `experiments.train_regressor` does: networks, examples, the training."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.networks import resources
from experiments.training import training_loop
from jax_encoder import io
from jax_encoder.avatars import encoder_lessons, face_attributes, face_rendering
from jax_encoder.errors import InputError
from jax_encoder.io import files, images
from jax_encoder.nn import base
from jax_encoder.nn import regressors as networks_lib
from jax_encoder.training import (
    code_folders,
    encoder_sources,
    regressor_training,
    replication,
    shard_streams,
    weight_optimizers,
)

TASKS = ("image_to_latent", "descriptor_to_w", "descriptor_to_z", "head", "landmarks")
BACKBONES = ("resnet50", "small")
_ON_CODES = TASKS[:3]
# Steps that no training reaches.
_HELD_OUT = 10**8

Pair = tuple[jax.Array, jax.Array]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressorJob:
    """What to train; see the flags of `experiments.train_regressor`."""

    output: pathlib.Path
    task: str = "image_to_latent"
    backbone: str = "resnet50"
    generator: str | None = None
    data: str = "samples"
    labels: str | None = None
    attributes: tuple[str, ...] = ()
    identity: str | None = None
    loss: str | None = None
    optimizer: weight_optimizers.OptimizerConfig = weight_optimizers.OptimizerConfig()
    batch_size: int = 32
    ema_half_life: float | None = None
    checkpoint_every: int = 500
    log_every: int = 50
    num_held_out: int = 200
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressorSetting:
    """Where examples come from.

    Attributes:
      draw: `(step, num) -> (inputs, targets)`.
      held_out: inputs and targets that no step sees.
      generator: of the codes.
    """

    draw: Callable[[int, int], Pair]
    held_out: Pair
    generator: base.Generator


def run(job: RegressorJob) -> dict[str, float]:
    """Trains, and writes the bundle `regressor` and `measures.json`."""
    setting = _setting(job)
    network = _network(job, setting)
    config = regressor_training.RegressorConfig(
        batch_size=job.batch_size,
        loss=job.loss or _default_loss(job),
        optimizer=job.optimizer,
        ema_half_life=job.ema_half_life,
    )
    mapped = setting.generator if job.task == "descriptor_to_z" else None
    state, networks = regressor_training.init(network, config, mapped)
    state, networks, sharding = replication.distribute(state, networks)

    def step(state, done):
        drawn = jax.device_put(setting.draw(done, config.batch_size), sharding)
        return regressor_training.train_step(state, networks, *drawn, config=config)

    def look(state, log, done):
        del log, done
        return _measure(
            regressor_training.regressor(state, networks), setting, config, mapped
        )

    state = training_loop.run(
        job.output,
        state,
        step,
        pace=training_loop.pace_of(job, job.optimizer.num_steps),
        batch_size=config.batch_size,
        look=look,
    )
    trained = regressor_training.regressor(state, networks)
    io.save(trained, job.output / "regressor", provenance=_provenance(job, config))
    report = _measure(trained, setting, config, mapped)
    files.write_json(job.output / "measures.json", report)
    print(report, flush=True)
    return report


def _default_loss(job: RegressorJob) -> str:
    if job.task == "descriptor_to_w":
        return "cosine"
    binary = [face_attributes.IS_BINARY[_index(name)] for name in job.attributes]
    if job.task == "head" and binary and all(binary):
        return "cross_entropy"
    return "log_cosh" if job.task == "image_to_latent" else "mse"


def _index(name: str) -> int:
    if name not in face_attributes.NAMES:
        known = ", ".join(face_attributes.NAMES)
        raise InputError(f"There is no attribute {name!r}; there are: {known}.")
    return face_attributes.index(name)


def _network(job: RegressorJob, setting: RegressorSetting) -> object:
    """The architecture, with random weights."""
    rngs, config = nnx.Rngs(job.seed), setting.generator.config
    inputs, targets = setting.held_out
    rows: dict[str, Any] = {"num_ws": config.num_ws, "w_dim": config.w_dim}
    if job.task == "image_to_latent":
        small = {"input_size": 64, "depths": (1, 1, 1), "width": 16}
        shape: dict[str, Any] = {}
        if job.backbone == "small":
            shape = small | {"num_channels": 128}
        kind = networks_lib.ImageToLatentConfig(**rows, **shape)
        return networks_lib.ImageToLatent(kind, rngs=rngs)
    if job.task == "landmarks":
        kind = networks_lib.ImageToLandmarksConfig(
            num_outputs=targets.shape[1], has_norm=True
        )
        return networks_lib.ImageToLandmarks(kind, rngs=rngs)
    num = inputs.shape[1]
    if job.task == "head":
        is_binary = (job.loss or _default_loss(job)) == "cross_entropy"
        kind = networks_lib.DescriptorHeadConfig(
            num_inputs=num, num_outputs=targets.shape[1], has_sigmoid=is_binary
        )
        return networks_lib.DescriptorHead(kind, rngs=rngs)
    if job.task == "descriptor_to_z":
        rows = {"num_ws": 0, "w_dim": config.z_dim}
    kind = networks_lib.DescriptorToLatentConfig(
        num_inputs=num, hidden_size=max(num, 256), **rows
    )
    return networks_lib.DescriptorToLatent(kind, rngs=rngs)


def _setting(job: RegressorJob) -> RegressorSetting:
    generator = resources.generator(job.generator)
    describe = None
    if job.task not in ("image_to_latent", "landmarks"):
        is_demo = generator.path == resources.DEMO_GENERATOR
        found = resources.networks(
            ["identity"], {"identity": job.identity}, is_demo=is_demo
        )
        describe = functools.partial(_describe, found["identity"])
    if pathlib.Path(job.data).is_dir():
        draw, held_out = _folder(job, generator.network, describe)
    else:
        draw, held_out = _drawn(job, generator, describe)
    return RegressorSetting(draw=draw, held_out=held_out, generator=generator.network)


@jax.jit
def _describe(network, pictures):
    return network.embed(pictures)


def _folder(job: RegressorJob, generator: base.Generator, describe):
    """Examples of a folder; descriptors are computed once."""
    config = generator.config
    if describe is None and (pathlib.Path(job.data) / "shards").is_dir():
        return _streamed(job, config.resolution)
    if job.task in _ON_CODES:
        found = code_folders.read_codes(
            job.data, config.resolution, num_ws=config.num_ws, w_dim=config.w_dim
        )
    elif job.labels is None:
        raise InputError(f"--task={job.task} on a folder needs --labels.")
    else:
        found = code_folders.read_labels(job.data, job.labels, config.resolution)
    if describe is not None:
        parts = np.array_split(found.images, -(-len(found.images) // 64))
        rows = [np.asarray(describe(jnp.asarray(images.from_uint8(x)))) for x in parts]
        found = dataclasses.replace(found, images=np.concatenate(rows))
    kept, last = found.split(job.num_held_out)

    def draw(step, num):
        return _inputs(kept.draw(step, num, job.seed))

    return draw, _inputs(last)


def _streamed(job: RegressorJob, resolution: int):
    """Examples of `generate_data`, read as they are needed."""
    source = shard_streams.Shards.open(pathlib.Path(job.data), resolution)
    num = len(source) - job.num_held_out
    stream = shard_streams.Stream(source, num, job.batch_size, job.seed)

    def as_pair(found) -> Pair:
        return jnp.asarray(images.from_uint8(found["images"])), jnp.asarray(found["ws"])

    try:
        shard_streams.import_grain()
    except ImportError as error:
        raise InputError(str(error)) from error
    held_out = as_pair(source.take(range(num, len(source))))
    return lambda step, num: as_pair(stream(step)), held_out


def _inputs(found: code_folders.Examples) -> Pair:
    inputs = found.images
    if inputs.dtype == np.uint8:
        inputs = images.from_uint8(inputs)
    return jnp.asarray(inputs), jnp.asarray(found.targets)


def _drawn(job: RegressorJob, generator: resources.Source, describe):
    """Examples drawn as they are needed."""
    source = _source(job, generator)

    def draw(step, num):
        pictures, targets = source(step, num)
        return (pictures if describe is None else describe(pictures)), targets

    return draw, draw(_HELD_OUT, job.num_held_out)


def _source(
    job: RegressorJob, generator: resources.Source
) -> Callable[[int, int], Pair]:
    key, network = jax.random.key(job.seed), generator.network
    if job.task not in _ON_CODES:
        return _labeled_faces(job, key, network.config.resolution)
    if job.data == "samples":
        source = encoder_sources.sampled(network, key)
    elif job.data == "named":
        source = encoder_lessons.named(network, key)
    else:
        raise InputError(
            f"--data={job.data}: neither a folder, nor samples, nor named, of which"
            " the codes are known."
        )

    def draw(step, num):
        batch = source(step, num)
        return batch.images, batch.ws

    return draw


def _labeled_faces(job: RegressorJob, key: jax.Array, resolution: int):
    """Renderings with the attributes that were asked for."""
    if not job.attributes:
        raise InputError(f"--task={job.task} needs --attributes, or a folder.")
    columns = np.array([_index(name) for name in job.attributes])

    def draw(step, num):
        people = face_attributes.sample(jax.random.fold_in(key, step), num)
        return face_rendering.render(people, resolution), people[:, columns]

    return draw


def _measure(network, setting: RegressorSetting, config, generator) -> dict[str, float]:
    """The loss on held-out examples, and of predicting the mean of their targets."""
    inputs, targets = setting.held_out
    found = _predict(network, inputs, generator)
    return {
        "loss": float(regressor_training.loss(found, targets, config.loss)),
        "loss_of_mean": float(regressor_training.mean_loss(targets, config.loss)),
    }


@jax.jit
def _predict(network, inputs, generator):
    return regressor_training.predict(network, inputs, generator)


def _provenance(
    job: RegressorJob, config: regressor_training.RegressorConfig
) -> dict[str, object]:
    told = ("task", "backbone", "generator", "data", "attributes", "batch_size", "seed")
    made = {name: getattr(job, name) for name in told}
    for name in ("generator", "data"):  # Not where they lay.
        made[name] = made[name] and pathlib.Path(made[name]).name
    made |= {"loss": config.loss, "optimizer": dataclasses.asdict(config.optimizer)}
    return {
        "made_by": "experiments.train_regressor",
        "job": made,
        "license": "Apache-2.0",
    }
