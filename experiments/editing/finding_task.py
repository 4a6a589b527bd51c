"""A run of `find_directions`: samples, method, calibration, measurement, files."""

import dataclasses
import pathlib
import sys
from collections.abc import Callable

import jax
import numpy as np

from experiments.editing import (
    code_sets,
    direction_finding,
    edit_rendering,
    finding_report,
    readers,
)
from experiments.launch import command_line, outputs
from experiments.networks import resources
from experiments.stores import code_loading
from jax_encoder.editing import effects
from jax_encoder.editing.directions import Direction
from jax_encoder.errors import InputError
from jax_encoder.io import json_types

_MEASURING_SEED = 1_000_003


@dataclasses.dataclass(frozen=True, kw_only=True)
class FindingTask:
    """What the flags of `find_directions` say; see there."""

    method: str = "regression"
    generator: str | None = None
    scorer: str | None = None
    codes: str | None = None
    scores: str | None = None
    attributes: tuple[str, ...] = ()
    conditional: tuple[str, ...] = ()
    space: str = "w"
    num_samples: int = 20_000
    num_components: int = 20
    seed: int = 0
    chosen: float = 0.02
    invalid_value: float | None = None
    threshold: float | None = None
    reach: float = 0.3
    activations: int | None = None
    layers: tuple[int, ...] | None = None
    with_rgb: bool = False
    calibrate_on: str | None = None
    measure_on: str | None = None
    num_measured: int = 64
    step: float = 1.5
    max_leak: float | None = None
    max_error: float | None = None
    command: str = ""

    @property
    def needs_scores(self) -> bool:
        """Whether the method looks at scores."""
        return self.method not in ("pca", "sefa")

    @property
    def options(self) -> json_types.Row:
        """The options of the method's function."""
        if self.method == "svm":
            return {"chosen": self.chosen, "invalid_value": self.invalid_value}
        return {"threshold": self.threshold, "invalid_value": self.invalid_value}


def run(task: FindingTask, output_dir: str) -> int:
    """Finds, measures and writes; returns the exit code.

    Args:
      task: what to do.
      output_dir: where to write.

    Raises:
      Failure: a network or file cannot be read, or nothing was found.
    """
    output = outputs.claim(output_dir)
    source = resources.generator(task.generator)
    scorer = _scorer(task, source)
    try:
        found, refused = _find(task, source, scorer)
    except (InputError, OSError) as error:
        raise command_line.Failure(str(error)) from error
    measured: dict[str, effects.Effect] = {}
    if scorer is not None and task.needs_scores:
        found, measured = _measure(task, source, scorer, found, refused)
    for sentence in refused:
        print(sentence, file=sys.stderr)
    if not found:
        raise command_line.Failure("No direction was found.")
    texts = {
        "generator": source.path.name,
        "command": f"python -m experiments.find_directions {task.command}",
        "about": _about(task, found),
        "source": f" of {task.measure_on}" if task.measure_on else ", newly drawn",
    }
    finding_report.write(
        output, found, measured, generator_sha256=source.sha256, texts=texts
    )
    _write_sheet(task, source, found, output)
    for name, effect in measured.items():
        print(
            f"{name:>22}: effect {effect.gain:.2f}, leak {effect.leak:.3f}, identity"
            f" {effect.identity:.3f}"
        )
    print(f"{len(found)} directions: {output / finding_report.FILE}")
    return int(bool(refused))


def _scorer(task: FindingTask, source: resources.Source) -> object:
    """The network that reads pictures, or None."""
    if task.scorer:
        return resources.load(task.scorer).network
    if source.path == resources.DEMO_GENERATOR and not task.scores:
        return resources.load(resources.DEMO_NETWORKS["vgg"]).network
    if task.needs_scores and not task.scores:
        raise command_line.Failure(
            f"--method={task.method} needs scores: name a network with --scorer, or"
            " give --codes and --scores."
        )
    return None


def _find(task: FindingTask, source, scorer) -> tuple[dict[str, Direction], list[str]]:
    if not task.needs_scores:
        found = direction_finding.from_generator(
            task.method,
            source.network,
            num_samples=task.num_samples,
            num_components=task.num_components,
            seed=task.seed,
            activations=task.activations,
            layers=task.layers,
            with_rgb=task.with_rgb,
        )
        return found, []
    samples = _samples(task, source, scorer)
    find = _finder(task, samples)
    found, refused = find(task.attributes)
    if task.conditional:
        others, sentences = find(task.conditional)
        found, more = direction_finding.conditional(found, others)
        refused += sentences + more
    return found, refused


def _finder(task: FindingTask, samples: direction_finding.Samples) -> Callable:
    """Finds the directions of names one by one, so that one failure stays one."""

    def find(names):
        found, refused = {}, []
        whole = task.method == "regression" and not names
        for wanted in [()] if whole else [(n,) for n in names or samples.names]:
            try:
                found |= direction_finding.from_scores(
                    task.method, samples, wanted, options=task.options, reach=task.reach
                )
            except InputError as error:
                refused.append(str(error))
        return found, refused

    return find


def _samples(task: FindingTask, source, scorer) -> direction_finding.Samples:
    if not task.codes:
        z, w, scores = readers.score_samples(
            source.network, scorer, num_samples=task.num_samples, seed=task.seed
        )
        codes = z if task.space == "z" else w
        return _unrolled(codes, scores, readers.names(scorer), task.space)
    num_ws = source.network.config.num_ws
    loaded = code_loading.load(task.codes, space=task.space, num_ws=num_ws)
    if task.scores:
        scores, names = direction_finding.read_scores(pathlib.Path(task.scores))
        if len(scores) != len(loaded.values):
            raise InputError(
                f"{task.scores} has {len(scores)} rows, {task.codes}"
                f" {len(loaded.values)} codes: give one row per code."
            )
        return direction_finding.Samples(
            codes=loaded.values, scores=scores, names=names, space=task.space
        )
    known = loaded.metadata.get(code_loading.ATTRIBUTES)
    if known:  # A store's, read off the reconstructions when they were encoded.
        scores = loaded.arrays[code_loading.ATTRIBUTES]
        return _unrolled(loaded.values, scores, tuple(known), task.space)
    read = _reader(task, source, scorer)
    num_rows = 1 if task.space == "z" else num_ws
    scores = read(np.repeat(loaded.values[:, None], num_rows, axis=1)).scores
    return _unrolled(loaded.values, scores, readers.names(scorer), task.space)


def _unrolled(codes, scores, names, space) -> direction_finding.Samples:
    """Hues have no direction: as cosine and sine they only must not change."""
    kept = [k for k, name in enumerate(names) if not name.endswith("_hue")]
    hues = [k for k in range(len(names)) if k not in kept]
    angles = 2 * np.pi * scores[:, hues]
    return direction_finding.Samples(
        codes=codes,
        scores=np.concatenate(
            [scores[:, kept], np.cos(angles), np.sin(angles)], axis=1
        ),
        names=tuple(names[k] for k in kept),
        num_hidden=2 * len(hues),
        space=space,
    )


def _reader(task: FindingTask, source, scorer) -> effects.Reader:
    read = readers.reader(source.network, scorer)
    return read if task.space == "w" else readers.through_mapping(source.network, read)


def _drawn(task: FindingTask, source) -> np.ndarray:
    """`[N, num_ws, w_dim]`, or `[N, 1, z_dim]`, that no method has seen."""
    config = source.network.config
    key = jax.random.key(task.seed + _MEASURING_SEED)
    z = np.asarray(jax.random.normal(key, (task.num_measured, config.z_dim)))
    if task.space == "z":
        return z[:, None]
    w = readers.map_codes(source.network, z)
    return np.repeat(w[:, None], config.num_ws, axis=1)


def _given(task: FindingTask, source, place: str | None) -> np.ndarray | None:
    """`[N, num_ws, w_dim]`, the codes of a folder or file; None if there are none."""
    if not place or task.space == "z":
        return None
    codes, _ = code_sets.read(place, source)
    render = edit_rendering.Renderer(source=source)
    return np.stack([render.ws(code)[0] for code in codes])


def _measure(task: FindingTask, source, scorer, found, refused):
    """Calibrates on some codes, measures on others; what fails is refused."""
    read = _reader(task, source, scorer)
    drawn, others = _drawn(task, source), _given(task, source, task.measure_on)
    if others is None:
        others = _drawn(dataclasses.replace(task, seed=task.seed + 1), source)
    before, seen = read(drawn), read(others)
    # What a standard deviation is, drawn codes tell, whatever is calibrated on.
    scale = readers.scale(scorer, before.scores)
    chosen = _given(task, source, task.calibrate_on)
    if chosen is not None:
        drawn, before = chosen, read(chosen)
    kept, measured = {}, {}
    for name, direction in found.items():
        try:
            right = direction_finding.calibrate(
                direction, drawn, read, scale, step=task.step, before=before
            )
            effect = effects.measure(
                right, others, read, scale, step=task.step, before=seen
            )
        except InputError as error:
            refused.append(str(error))
            continue
        if not _is_good(task, name, effect):
            continue
        kept[name], measured[name] = right, effect
    return kept, measured


def _is_good(task: FindingTask, name: str, effect: effects.Effect) -> bool:
    """Whether a direction keeps to --max_leak and --max_error; says so if not."""
    is_clean = task.max_leak is None or effect.leak <= task.max_leak
    is_right = task.max_error is None or abs(effect.gain - 1) <= task.max_error
    if not (is_clean and is_right):
        print(
            f"{name}: left out; effect {effect.gain:.2f}, leak {effect.leak:.3f}.",
            file=sys.stderr,
        )
    return is_clean and is_right


def _about(task: FindingTask, found) -> str:
    """One sentence on the samples."""
    provenance = dict(next(iter(found.values())).provenance)
    return "Method: " + ", ".join(
        f"{key} {value}" for key, value in provenance.items() if key != "component"
    )


def _write_sheet(task: FindingTask, source, found, output: pathlib.Path) -> None:
    drawn = _drawn(dataclasses.replace(task, num_measured=16), source)
    render = edit_rendering.Renderer(source=source)

    def pictures(values):
        if task.space == "z":
            values = readers.map_codes(source.network, values[:, 0])[:, None]
            values = np.repeat(values, source.network.config.num_ws, axis=1)
        return list(render.pictures(values))

    code = drawn[0]
    spread = float(np.linalg.norm(drawn[:, 0].std(axis=0)) / drawn.shape[2] ** 0.5)
    finding_report.write_sheet(
        output / "sheet.png", found, code, pictures, spread=spread
    )
