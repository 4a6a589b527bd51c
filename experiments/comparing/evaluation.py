"""Compares pictures with pictures: what `experiments.evaluate` computes."""

import collections
import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import jax
import numpy as np

from experiments.networks import resources
from jax_encoder.errors import InputError
from jax_encoder.io import bundles, folders, images, json_types, progress
from jax_encoder.io import names as naming
from jax_encoder.latents import sampling
from jax_encoder.metrics import features, pairs, path_length, sets
from jax_encoder.nn import base

T = TypeVar("T")
# The order in which measures are listed.
MEASURES = ("psnr", "ssim", "ms_ssim", "lpips", "identity", "mse")
_NUM_SHOWN = 24


def _field(factory: Callable[[], T]) -> T:
    return dataclasses.field(default_factory=factory)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What to compare.

    Attributes:
      images: folder or pattern; "" where a generator is judged.
      references: folder or pattern; "" for none.
      resolution: sides of all pictures; None: the generator's, or the shorter side
        that most references have, of several the largest.
      compare_sets: measure the folders as a whole, too.
      num_samples: pictures of the generator.
      psi: their truncation.
      num_paths: paths for the perceptual path length; 0 for none.
      path: which paths.
      seed: of samples and paths.
      batch_size: pictures at a time.
    """

    images: str = ""
    references: str = ""
    resolution: int | None = None
    compare_sets: bool = True
    num_samples: int = 1000
    psi: float = 1.0
    num_paths: int = 0
    path: path_length.PathLengthConfig = path_length.PathLengthConfig()
    seed: int = 0
    batch_size: int = 8


@dataclasses.dataclass(kw_only=True)
class Report:
    """What was found.

    Attributes:
      about: JSON values on the run.
      matches: (name, picture, reference) of the same name, as `rows`.
      rows: per pair, its name and measures.
      sets: the measures of the sets.
      shown: the first pictures of each set, `[R, R, 3]`.
      lengths: of a generator's paths, `[num_paths]`.
      failures: reason by file of every picture left out.
      notes: what was left out, and why.
      resized: files of another size than the resolution, which were resized.
    """

    about: json_types.Row
    matches: list[tuple[str, pathlib.Path, pathlib.Path]] = _field(list)
    rows: list[json_types.Row] = _field(list)
    sets: dict[str, float] = _field(dict)
    shown: dict[str, list[np.ndarray]] = _field(dict)
    lengths: np.ndarray | None = None
    failures: dict[str, str] = _field(dict)
    notes: list[str] = _field(list)
    resized: set[str] = _field(set)

    def measures(self) -> dict[str, np.ndarray]:
        """The measures of the pairs, name -> `[N]`."""
        names = [key for key in self.rows[0] if key != "name"] if self.rows else []
        return {key: np.asarray([row[key] for row in self.rows]) for key in names}


def load_networks(*, lpips: str | None, inception: str, identity: str) -> dict:
    """Loads the networks that measure.

    Args:
      lpips: bundle, file or name of the zoo; "" for none; None for the demo's, where it
        is installed.
      inception: likewise; "" for none.
      identity: likewise; "" for none.

    Returns:
      The networks under these names, as far as there are.

    Raises:
      Failure: one cannot be read, or is of another sort.
    """
    if lpips is None:
        demo = resources.DEMO_NETWORKS["lpips"]
        lpips = str(demo) if bundles.is_bundle(demo) else ""
    named = {"lpips": lpips, "inception": inception, "identity": identity}
    return {
        name: resources.load(where, name).network
        for name, where in named.items()
        if where
    }


def run(
    options: EvaluationOptions,
    networks: Mapping[str, object],
    generator: base.Generator | None = None,
) -> Report:
    """Reads pictures or draws them, and measures.

    Args:
      options: what to compare.
      networks: as far as they are at hand, "lpips", "identity" and "inception".
      generator: is judged instead of `options.images`.

    Returns:
      The report.

    Raises:
      ValueError: no pictures, or what is asked for needs a network not given.
    """
    report = Report(about={"images": options.images, "references": options.references})
    resolution = _resolution(options, generator)
    references = _look(options.references, report)
    found = _look("" if generator is not None else options.images, report)
    resolution = resolution or most_common_side(references.paths or found.paths)
    reader = Reader(report, resolution)
    if generator is None:
        _judge_folder(found, references, reader, networks, options)
    elif references.paths and options.compare_sets:
        drawn = samples(
            generator,
            options.num_samples,
            seed=options.seed,
            psi=options.psi,
            batch_size=options.batch_size,
        )
        _compare_sets(
            reader,
            references.paths,
            drawn,
            networks,
            num=options.num_samples,
            batch_size=options.batch_size,
        )
    if generator is not None and options.num_paths:
        report.lengths = _measure_paths(generator, networks, options)
        mean = path_length.mean_path_length(report.lengths)
        settings = dataclasses.asdict(options.path)
        report.about["path_length"] = {"mean": mean, **settings}
    report.about["resolution"] = reader.resolution
    report.about["num_resized"] = len(report.resized)
    return report


def _resolution(
    options: EvaluationOptions, generator: base.Generator | None
) -> int | None:
    """The side of all pictures, where it is known before they are read."""
    if generator is None:
        return options.resolution
    own = generator.config.resolution
    if options.resolution not in (None, own):
        raise InputError(
            f"A generator's pictures keep their {own} pixels: do not ask for"
            f" {options.resolution}."
        )
    return own


def _look(where: str, report: Report) -> folders.Listing:
    """The pictures of a folder; notes what lies beside them. "" has none."""
    if not where:
        return folders.Listing(where="", root=pathlib.Path(), paths=())
    listing = folders.look(where)
    if listing.skipped:
        report.notes.append(listing.account())
    return listing


def most_common_side(paths: Sequence[pathlib.Path]) -> int:
    """The shorter side that most pictures have; of several the largest.

    Args:
      paths: files; those that cannot be opened do not count.

    Raises:
      ValueError: none can be opened.
    """
    sizes = [size for path in paths if (size := images.size(path)) is not None]
    if not sizes:
        raise InputError(f"None of the {len(paths)} pictures can be read.")
    sides = collections.Counter(min(size) for size in sizes)
    return max(sides, key=lambda side: (sides[side], side))


class Reader:
    """Reads pictures at one resolution, a batch at a time."""

    def __init__(self, report: Report, resolution: int):
        """Keeps what it needs.

        Args:
          report: is told of pictures that cannot be read, and of those resized.
          resolution: of all pictures.
        """
        self.report = report
        self.resolution = resolution

    def read(self, path: pathlib.Path) -> np.ndarray | None:
        """A square picture `[R, R, 3]`, or None after it was reported."""
        try:
            decoded = images.decode(path)
        except images.PictureError as error:
            self.report.failures[str(path)] = str(error)
            return None
        if min(decoded.shape[:2]) != self.resolution:
            self.report.resized.add(str(path))
        return images.fit(decoded, self.resolution)

    def stacks(
        self, paths: Sequence[pathlib.Path], batch_size: int
    ) -> Iterator[np.ndarray]:
        """The pictures as arrays `[n, R, R, 3]`."""
        readable = (x for path in paths if (x := self.read(path)) is not None)
        yield from (np.stack(part) for part in _parts(readable, batch_size))


def _judge_folder(pictures, references, reader: Reader, networks, options) -> None:
    matches = pair(pictures, references)
    report, size = reader.report, options.batch_size
    if matches:
        _measure_pairs(reader, matches, networks, size)
    elif not options.compare_sets:
        raise InputError("No two pictures of the folders have the same name.")
    paths = pictures.paths
    if len(matches) < len(paths):
        num = len(paths) - len(matches)
        report.notes.append(f"{num} pictures have no reference of their name")
    if options.compare_sets:
        stacks = reader.stacks(paths, size)
        _compare_sets(
            reader, references.paths, stacks, networks, num=len(paths), batch_size=size
        )


def pair(
    pictures: folders.Listing, references: folders.Listing
) -> list[tuple[str, pathlib.Path, pathlib.Path]]:
    """Joins pictures and references: same file name first, then same name.

    Args:
      pictures: those that are judged.
      references: those that they should equal.

    Returns:
      (name, picture, reference) of every picture that has one; names are those of
      `names.unique`, and a reference serves one picture only.
    """
    by_file = {_file_key(path, references.root): path for path in references.paths}
    by_name = {name: path for path, name in references.names().items()}
    matched: dict[pathlib.Path, pathlib.Path] = {}
    for path in pictures.paths:
        if (same := by_file.get(_file_key(path, pictures.root))) is not None:
            matched[path] = same
    used = set(matched.values())
    for path, name in pictures.names().items():
        other = by_name.get(name)
        if path not in matched and other is not None and other not in used:
            matched[path] = other
    named = pictures.names()
    return [(named[p], p, matched[p]) for p in pictures.paths if p in matched]


def _file_key(path: pathlib.Path, root: pathlib.Path) -> str:
    """A file's place below the folder, accents composed."""
    inner = path.relative_to(root) if path.is_relative_to(root) else path.name
    return naming.safe_path(inner)


def samples(
    generator: base.Generator, num: int, *, seed: int, psi: float, batch_size: int
) -> Iterator[np.ndarray]:
    """Pictures of a generator, rounded to 8 bits as those of files are.

    Args:
      generator: a generator; of a conditional one, labels are drawn evenly.
      num: how many.
      seed: of z.
      psi: truncation; 1 for none.
      batch_size: pictures per array.

    Yields:
      `[n, R, R, 3]` float32 in [-1, 1].
    """
    key = jax.random.key(seed)
    for start in range(0, num, batch_size):
        drawn = _sample(generator, jax.random.fold_in(key, start), psi, size=batch_size)
        shown = images.with_channels(np.asarray(drawn), 3)  # as files are read
        rounded = images.from_uint8(images.to_uint8(shown))
        yield rounded[: num - start]


def _render(generator, key, psi, *, size: int):
    config = generator.config
    z_key, label_key = jax.random.split(key)
    labels = sampling.draw_labels(config, label_key, size)
    ws = sampling.draw(generator, z_key, size, labels=labels, psi=psi)
    return generator.synthesis(ws)


_sample = jax.jit(_render, static_argnames="size")


def _measure_pairs(reader: Reader, matches, networks, batch_size: int) -> None:
    """Adds a row per pair that can be read."""
    report = reader.report

    def readable():
        for match in matches:
            found, target = reader.read(match[1]), reader.read(match[2])
            if found is not None and target is not None:
                report.matches.append(match)
                yield found, target

    stacks = (
        tuple(map(np.stack, zip(*part, strict=True)))
        for part in _parts(readable(), batch_size)
    )
    known = {key: networks[key] for key in ("lpips", "identity") if key in networks}
    measured = features.extract(_measure, known, stacks, batch_size=batch_size)
    parts = list(_counted(measured, len(matches), "Comparing pairs"))
    if not parts:
        raise InputError("None of the pairs can be read.")
    names = [name for name in MEASURES if name in parts[0]]
    columns = {name: np.concatenate([p[name] for p in parts]) for name in names}
    report.rows = [
        {"name": match[0], **{name: float(v[k]) for name, v in columns.items()}}
        for k, match in enumerate(report.matches)
    ]


def _measure(networks, batch):
    return pairs.measure(networks, *batch)


def _compare_sets(
    reader: Reader,
    references: Sequence[pathlib.Path],
    stacks: Iterable[np.ndarray],
    networks: base.Networks,
    *,
    num: int,
    batch_size: int,
) -> None:
    """Only measures of Inception's features are called FID and KID."""
    report = reader.report
    name = "inception" if "inception" in networks else "lpips"
    described = []
    if name in networks:
        readable = reader.stacks(references, batch_size)
        groups = ("references", readable, len(references)), ("pictures", stacks, num)
        for group, parts, total in groups:
            kept = _keeping(parts, report.shown.setdefault(group, []))
            found = features.extract(
                features.describe, networks[name], kept, batch_size=batch_size
            )
            rows = list(_counted(found, total, f"Describing {group}"))
            described.append(np.concatenate(rows) if rows else np.zeros((0, 1)))
        problem = (
            "" if min(map(len, described)) > 1 else "a set of pictures is too small"
        )
    else:
        problem = "name --inception or --lpips to compare the sets as a whole"
    if problem and not report.rows:
        raise InputError(f"Nothing to compare: {problem}.")
    if problem:
        report.notes.append(problem)
        return
    measures = sets.compare(*described)
    if name == "inception":
        measures["fid"] = measures.pop("frechet_distance")
        measures["kid"] = measures.pop("kernel_distance")
    nums = dict(zip(report.shown, map(len, described), strict=True))
    report.about |= {"features": name, "num": nums}
    report.sets = {key: measures[key] for key in sorted(measures)}


def _keeping(parts: Iterable[np.ndarray], kept: list[np.ndarray]) -> Iterator:
    """Passes batches on; keeps the first pictures for the sheet."""
    for part in parts:
        kept.extend(part[: _NUM_SHOWN - len(kept)])
        yield part


def _measure_paths(
    generator: base.Generator,
    networks: Mapping[str, object],
    options: EvaluationOptions,
) -> np.ndarray:
    if "lpips" not in networks:
        raise InputError("Path lengths are perceptual: name --lpips.")
    return path_length.sample_path_lengths(
        generator,
        networks["lpips"],
        jax.random.key(options.seed),
        distance=_call,
        config=options.path,
        num_samples=options.num_paths,
        batch_size=options.batch_size,
    )


def _call(network, near, far):
    return network(near, far)


Item = TypeVar("Item")


def _parts(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while part := list(itertools.islice(iterator, size)):
        yield part


def _counted(
    parts: Iterable[np.ndarray], total: int, description: str
) -> Iterator[np.ndarray]:
    with progress.track(total, description=description) as reporter:
        for part in parts:
            yield part
            reporter.advance(len(jax.tree.leaves(part)[0]))
