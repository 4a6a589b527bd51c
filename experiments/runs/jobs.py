"""What a run is asked to do."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import jax

from experiments.aligning import photographs
from experiments.runs import batches
from jax_encoder.errors import InputError
from jax_encoder.latents import sampling, spaces
from jax_encoder.nn import base


@dataclasses.dataclass(frozen=True, kw_only=True)
class InversionJob:
    """What to invert, with what, and where to write.

    Attributes:
      paths: the pictures.
      output: the directory to write to.
      names: of the pictures, unique; {} to name them by their place below the deepest
        folder that holds them all.
      skipped: what lies beside the pictures and is not used, rows for the summary.
      preset: one of `presets.names()`.
      overrides: changes of it, of `Preset.changed`.
      start: as of `starting.make`; "" for the preset's own.
      generator: a bundle or checkpoint; None for the demo's.
      networks: bundles or checkpoints of perceptual networks, by name.
      statistics: of the generator's latents, a file; None to find or estimate them.
      class_index: of a conditional generator.
      seed: of everything random.
      normalize_colors: give the pictures the generator's colors, and back.
      alignment: how the pictures, which are photographs then, are aligned first; None
        for pictures that are aligned.
      verdicts: "auto" judges reconstructions by a table of the generator's own
        pictures where there is one, or where so many pictures are inverted that making
        one at most doubles the work; "compute" makes one, "none" does not judge.
      has_reports: write a summary, a contact sheet and loss curves.
      chunk: steps between two saved states, and two frames of a film.
      options: how to run.
    """

    paths: Sequence[pathlib.Path]
    output: pathlib.Path
    names: Mapping[pathlib.Path, str] = dataclasses.field(default_factory=dict)
    skipped: Sequence[Mapping[str, object]] = ()
    preset: str = "default"
    overrides: Mapping[str, object] = dataclasses.field(default_factory=dict)
    start: str = ""
    generator: str | None = None
    networks: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    statistics: str | None = None
    class_index: int | None = None
    seed: int = 0
    normalize_colors: bool = False
    alignment: photographs.AlignmentSettings | None = None
    verdicts: str = "auto"
    has_reports: bool = True
    chunk: int = 25
    options: batches.BatchOptions = batches.BatchOptions()


def label(
    job: InversionJob, generator_config: base.GeneratorConfig, space: spaces.Space
) -> jax.Array | None:
    """Returns the label `[1, c_dim]` of a job's class, or None without classes.

    Raises:
      ValueError: the space needs a class and none is given, or there is no such class.
    """
    c_dim = generator_config.c_dim
    if job.class_index is None and c_dim and space.is_before_mapping:
        raise InputError(f"This generator has {c_dim} classes: give --class_index.")
    try:
        return sampling.class_label(generator_config, job.class_index)
    except InputError as error:
        raise InputError(f"--class_index: {error}") from error
