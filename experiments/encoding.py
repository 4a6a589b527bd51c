"""One inversion run, from the names of things to the files: what the binaries share."""

import dataclasses
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jax_encoder
from converters import codes as foreign_codes
from experiments import (
    batches,
    command_line,
    engines,
    journal,
    presets,
    projector_engine,
    reports,
    resources,
)
from jax_encoder.inversion import starts, weighting
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.io import images
from jax_encoder.latents import spaces


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What to invert, with what, and where to write.

    Attributes:
      paths: the pictures.
      output: the directory to write to.
      preset: the name of one of `presets.PRESETS`.
      overrides: fields of the preset's configuration to replace.
      start: "mean", "zeros", "random", "seeds", "seeds:K", a file with a code, or an
        encoder or regressor; "" for the preset's own.
      generator: a bundle or checkpoint; None for the demo's.
      networks: bundles or checkpoints of perceptual networks, by name.
      statistics: of the generator's latents, a file; None to find or estimate them.
      class_index: of a conditional generator.
      seed: of everything random.
      chunk: steps between two saved states, and two frames of a film.
      options: how to run.
    """

    paths: Sequence[pathlib.Path]
    output: pathlib.Path
    preset: str = "default"
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    start: str = ""
    generator: str | None = None
    networks: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    statistics: str | None = None
    class_index: int | None = None
    seed: int = 0
    chunk: int = 25
    options: batches.Options = batches.Options()


def run(job: Job) -> list[dict[str, Any]]:
    """Inverts the pictures and writes codes, reconstructions, films and reports.

    Args:
      job: what to do.

    Returns:
      The rows of the summary.

    Raises:
      UsageError: options that make no sense together.
      Failure: a network cannot be read.
      WriteError: the output directory cannot be written to.
    """
    start = time.monotonic()
    try:
        engine = make_engine(job)
        rows = batches.invert(job.paths, job.output, engine, job.options)
    except (ValueError, journal.SettingsError) as error:
        raise command_line.UsageError(str(error)) from error
    report(job, engine, rows, time.monotonic() - start)
    return rows


def make_engine(job: Job) -> projector_engine.ProjectorEngine:
    """Loads everything that a job names.

    Args:
      job: what to do.

    Returns:
      The engine.

    Raises:
      Failure: a network cannot be read.
      ValueError: options that make no sense together.
    """
    preset = presets.get(job.preset)
    config = override(preset.config, job.overrides)
    source = resources.generator(job.generator)
    named = {getattr(term, "network", None) for term in config.terms} | {"lpips"}
    names = sorted(name for name in named if name)
    is_demo = job.generator is None
    models = Models(
        generator=source.network,
        networks=resources.networks(names, job.networks, is_demo=is_demo),
        statistics=resources.latent_statistics(
            source, job.statistics, with_p=config.needs_p
        ),
    )
    start = job.start or preset.start
    if not job.start and spaces.is_z(config.space) and start in ("mean", "zeros"):
        start = "seeds"  # Z has neither
    details = {
        "space": config.space,
        "preset": job.preset,
        "generator_sha256": source.sha256,
        "generator": str(source.path),
        "start": start,
        "seed": job.seed,
        "version": jax_encoder.__version__,
    }
    settings = {"generator": source.sha256, "start": start, "crop": job.options.crop}
    label = _label(source.network.config, config, job.class_index)
    return projector_engine.ProjectorEngine(
        models=models,
        config=config,
        start=_Start(job, preset, models, config, start, source.sha256, label),
        settings=settings | {"class": job.class_index},
        details=details,
        seed=job.seed,
        chunk=job.chunk,
        lpips=models.networks["lpips"],
        label=label,
    )


def override(config: ProjectorConfig, changes: Mapping[str, Any]) -> ProjectorConfig:
    """A preset's configuration with some fields replaced.

    Args:
      config: the preset's.
      changes: fields of it; "learning_rate" is the schedule's, and "vgg_layer" that of
        the terms that compare one layer.

    Returns:
      The configuration.

    Raises:
      ValueError: a change that this preset has no place for.
    """
    fields = {k: v for k, v in changes.items() if v is not None}
    rate = fields.pop("learning_rate", None)
    layer = fields.pop("vgg_layer", None)
    if rate is not None:
        schedule = dataclasses.replace(config.schedule, learning_rate=rate)
        fields["schedule"] = schedule
    if layer is not None:
        if not any(hasattr(term, "layer") for term in config.terms):
            raise ValueError("This preset compares no single layer: drop --vgg_layer.")
        fields["terms"] = tuple(
            dataclasses.replace(t, layer=layer) if hasattr(t, "layer") else t
            for t in config.terms
        )
    return dataclasses.replace(config, **fields)


def _label(generator: Any, config: ProjectorConfig, index: int | None):
    """`[1, c_dim]`, or None for generators and spaces without classes."""
    c_dim = getattr(generator, "c_dim", 0)
    if index is None:
        if c_dim and spaces.is_z(config.space):
            raise ValueError(f"This generator has {c_dim} classes: give --class_index.")
        return None
    if not 0 <= index < c_dim:
        raise ValueError(f"--class_index={index}: the generator has {c_dim} classes.")
    return jax.nn.one_hot(jnp.asarray([index]), c_dim)


@dataclasses.dataclass
class _Start:
    """Finds the first values of a batch."""

    job: Job
    preset: presets.Preset
    models: Models
    config: ProjectorConfig
    start: str
    digest: str
    label: jax.Array | None

    def __call__(self, targets: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        values = self._values(targets)
        if not self.preset.weight_grid:
            return values, None
        weights, values = weighting.choose(
            self.models,
            targets,
            values,
            jax.random.key(self.job.seed),
            config=self.config,
            candidates=weighting.grid(*self.preset.weight_grid),
            num_steps=self.preset.num_trial_steps,
        )
        return values, weights

    def _values(self, targets: jax.Array) -> jax.Array:
        models, space, num = self.models, self.config.space, len(targets)
        kind, _, rest = self.start.partition(":")
        labels = self.label
        if labels is not None:
            labels = jnp.broadcast_to(labels, (num, labels.shape[1]))
        if kind in ("mean", "zeros") and not rest:
            return getattr(starts, kind)(models, space, num)
        if kind == "random" and not rest:
            key = jax.random.key(self.job.seed)
            return starts.random(models, space, num, key, labels)
        if kind == "seeds" and (not rest or rest.isdecimal()):
            return self._seeds(targets, int(rest or 256), labels)
        return self._from_file(pathlib.Path(self.start), targets)

    def _seeds(self, targets, num_seeds: int, labels) -> jax.Array:
        paths = sorted(f"{k}={v}" for k, v in self.job.networks.items() if v)
        key = f"{self.digest} {paths} {self.job.class_index}"
        pool = resources.seed_pool(
            self.models, self.config, key, num_seeds, self.job.seed, self.label
        )
        z, _ = starts.nearest(self.models, pool, targets, self.config)
        return starts.from_z(self.models, self.config.space, z, labels)

    def _from_file(self, path: pathlib.Path, targets) -> jax.Array:
        """A saved code for all pictures, or the predictions of a network."""
        if not path.exists():
            raise ValueError(
                f"--start={path}: neither mean, zeros, random, seeds, seeds:NUMBER nor"
                " a file."
            )
        config = self.models.generator.config
        if path.suffix in (".npy", ".npz"):
            return self._from_code(path, config.num_ws, len(targets))
        network = resources.load(path).network
        ws = network(targets)
        return starts.from_ws(self.models, self.config.space, ws)

    def _from_code(self, path, num_ws: int, num: int) -> jax.Array:
        found = foreign_codes.load(path, num_ws=num_ws)
        if len(found.values) != 1:
            raise ValueError(f"{path} holds {len(found.values)} codes; give one.")
        values = jnp.asarray(found.values)
        if found.space == "z":
            values = starts.from_z(self.models, self.config.space, values, self.label)
        else:
            ws = values if values.ndim == 3 else values[:, None].repeat(num_ws, 1)
            values = starts.from_ws(self.models, self.config.space, ws)
        return jnp.broadcast_to(values, (num, *values.shape[1:]))


def report(
    job: Job,
    engine: engines.Engine,
    rows: Sequence[Mapping[str, Any]],
    seconds: float,
) -> None:
    """Writes the summary, the contact sheet and the loss curves.

    Args:
      job: what was done.
      engine: what did it.
      rows: of the summary.
      seconds: it took.

    Raises:
      WriteError: the disk is full or read-only.
    """
    about = {
        **engine.details,
        "seconds": round(seconds, 1),
        "settings": engine.settings,
    }
    reports.write_summary(job.output, rows, about)
    title = f"{job.preset}, {engine.details['space'].upper()}, {engine.num_steps} steps"

    def fit(image):
        return images.fit(image, engine.resolution, job.options.crop)

    reports.write_contact_sheet(job.output, rows, fit, title)
    reports.write_loss_curves(job.output, rows, title)
