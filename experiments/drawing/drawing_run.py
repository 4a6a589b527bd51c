"""A run of `draw_latents`: samples, colors, figures, inversions, a summary."""

import dataclasses

import numpy as np

from experiments.drawing import (
    coloring,
    figures,
    inversion_paths,
    latent_samples,
    path_films,
    thumbnails,
)
from experiments.editing import code_sets, editing_run
from experiments.launch import command_line, outputs
from experiments.networks import resources
from experiments.networks import seed_pictures as seeds
from jax_encoder.io import files, films, folders, images, json_types
from jax_encoder.latents import maps, sampling, statistics

_MAX_FOLLOWED = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class DrawingTask:
    """What the flags of `draw_latents` say; see there."""

    generator: str | None = None
    methods: tuple[str, ...] = ("pca", "pair")
    num_samples: int = 2000
    seed: int = 0
    color: str = "norm"
    scorer: str | None = None
    num_clusters: int = 6
    axes: str | None = None
    class_index: int | None = None
    num_fitted: int = 0
    num_thumbnails: int = 120
    codes: str | None = None
    images: str | None = None
    searches: tuple[inversion_paths.PathSearch, ...] = ()
    num_steps: int = 200
    every: int = 5
    lpips: str | None = None
    film: str = ".mp4"
    formats: tuple[str, ...] = ("png", "svg")


def run(task: DrawingTask, output_dir: str) -> int:
    """Draws and writes; returns the exit code.

    Args:
      task: what to draw.
      output_dir: where to write.

    Raises:
      UsageError: flags that do not fit the generator.
      Failure: a file cannot be read.
    """
    if task.images and task.film:
        films.check(f"film{task.film}")
    maps.import_sklearn()
    source = resources.generator(task.generator)
    axes = _axes(task, source)
    refused: list[str] = []
    subject = _subject(task, source, output_dir, refused)
    summary = _draw(task, source, subject, axes)
    if task.images:
        summary["inversions"] = _follow(task, source, subject, refused)
    files.write_json(subject.output / "summary.json", summary)
    for space, shape in subject.samples.shapes.items():
        print(f"{latent_samples.TITLES[space]:>4}: {shape.sentence()}")
    print(f"Written to {subject.output}.")
    return editing_run.report(refused)


def _axes(task: DrawingTask, source: resources.Source) -> tuple[int, int] | None:
    if task.axes is None:
        return None
    found = seeds.parse_numbers(task.axes)
    config = source.network.config
    width = min(config.z_dim, config.w_dim)
    if len(found) != 2 or max(found) >= width or found[0] == found[1]:
        raise command_line.UsageError(
            f"--axes={task.axes}: give two different ones of 0 to {width - 1}."
        )
    return found[0], found[1]


def _statistics(
    task: DrawingTask, source: resources.Source
) -> statistics.LatentStatistics:
    config = source.network.config
    label = sampling.class_label(config, task.class_index)
    if task.num_fitted or (config.c_dim and label is None):
        # Of all classes alike where none is chosen.
        return statistics.estimate(
            source.network,
            num_samples=task.num_fitted or 100_000,
            with_p=True,
            labels=label,
        )
    return resources.latent_statistics(source, with_p=True, label=label)


def _subject(task: DrawingTask, source, output_dir: str, refused: list[str]):
    found = _statistics(task, source)
    samples = latent_samples.draw(
        source.network,
        found,
        task.num_samples,
        seed=task.seed,
        class_index=task.class_index,
    )
    chosen = coloring.choose(
        task.color,
        samples,
        source,
        scorer=task.scorer,
        num_clusters=task.num_clusters,
    )
    others, labels = {}, ()
    if task.codes:
        codes, refused[:] = code_sets.read(task.codes, source)
        others = latent_samples.of_codes(codes, source.network, found)
        labels = tuple(code.name for code in codes)
    is_demo = source.path == resources.DEMO_GENERATOR
    return figures.Subject(
        name="Demo generator" if is_demo else source.path.stem,
        samples=samples,
        latent_statistics=found,
        coloring=chosen,
        output=outputs.claim(output_dir),
        others=others,
        labels=labels,
        formats=task.formats,
        seed=task.seed,
    )


def _draw(
    task: DrawingTask, source, subject: figures.Subject, axes
) -> dict[str, object]:
    """Draws the figures of the samples; returns their numbers."""
    summary: json_types.Row = {"num_samples": len(subject.samples), "maps": {}}
    for method in task.methods:
        if method == "pair":
            figures.pair(subject, axes)
            continue
        found = figures.embedded(subject, method)
        summary["maps"][method] = {space: m.about for space, m in found.items()}
        if task.num_thumbnails:
            thumbnails.draw(
                subject, source, found["w"], method, num=task.num_thumbnails
            )
    figures.histograms(subject)
    summary["components_of_95_percent"] = figures.variance(subject, task.num_fitted)
    summary["normality"] = {
        space: {
            "kurtosis": float(shape.kurtosis.mean()),
            "kurtosis_range": [
                float(shape.kurtosis.min()),
                float(shape.kurtosis.max()),
            ],
            "skewness": float(np.abs(shape.skewness).mean()),
            "mardia": shape.mardia,
        }
        for space, shape in subject.samples.shapes.items()
    }
    return summary


def _follow(
    task: DrawingTask, source, subject: figures.Subject, refused: list[str]
) -> object:
    """Inverts pictures in every space, and draws how."""
    is_demo = source.path == resources.DEMO_GENERATOR
    networks = resources.networks(["lpips"], {"lpips": task.lpips}, is_demo=is_demo)
    targets = _targets(task, source, refused)
    trails = []
    for search in task.searches:
        trail = inversion_paths.follow(
            search,
            source.network,
            networks["lpips"],
            subject.latent_statistics,
            targets,
            num_steps=task.num_steps,
            every=task.every,
        )
        trails.append(trail)
        if task.film:
            path_films.film(subject, trail, targets, task.film)
    path_films.draw_all(subject, trails)
    return path_films.table(trails)


def _targets(task: DrawingTask, source, refused: list[str]) -> np.ndarray:
    """The first pictures that can be read, `[N, R, R, C]`."""
    config = source.network.config
    channels = getattr(config, "image_channels", 3)
    found = []
    for path in folders.find(task.images or ""):
        if len(found) == _MAX_FOLLOWED:
            break
        try:
            found.append(images.fit(images.decode(path, channels), config.resolution))
        except images.PictureError as error:
            refused.append(str(error))
    if not found:
        raise command_line.Failure(f"{task.images}: no picture can be read.")
    return np.stack(found)
