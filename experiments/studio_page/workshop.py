"""A generator with all that the studio does with it: loaded once, for all visitors."""

import dataclasses
import functools
import pathlib
import threading
from collections.abc import Mapping

import numpy as np

from experiments.editing import direction_lists
from experiments.editing.code_sets import Code
from experiments.editing.edit_rendering import Renderer
from experiments.networks import resources
from experiments.runs import encoding, jobs, judging, projector_engine, verdicts
from experiments.studio_page import safety
from jax_encoder.editing.directions import Direction
from jax_encoder.inversion import presets
from jax_encoder.io import images, json_types
from jax_encoder.latents import spaces
from jax_encoder.latents.sampler import Sampler
from jax_encoder.nn import base

CHUNK = 10
"""Steps between two pictures of an inversion; the codes do not depend on it."""

_MAX_ENGINES = 6
_COMPONENTS = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class InversionMethod:
    """How pictures are inverted: what tells one compiled program from another.

    Attributes:
      preset: one of `presets.names()`.
      space: one of `spaces.names()`; None for the preset's.
      steps: gradient steps; None for the preset's.
    """

    preset: str = "default"
    space: str | None = None
    steps: int | None = None

    @property
    def plain(self) -> "InversionMethod":
        """The preset as it is, by whose errors verdicts are given."""
        return InversionMethod(preset=self.preset)


def check_method(
    preset: json_types.Json, space: json_types.Json, steps: json_types.Json
) -> InversionMethod:
    """A method out of what a page sends.

    Raises:
      Refusal: no such preset or space, or a number of steps that makes no sense.
    """
    if preset not in presets.names():
        raise safety.Refusal(f"There is no preset {str(preset)[:40]!r}.")
    if space and space not in spaces.names():
        raise safety.Refusal(f"There is no space {str(space)[:40]!r}.")
    if steps is not None and not (isinstance(steps, int) and 1 <= steps <= 5000):
        raise safety.Refusal("The number of steps lies between 1 and 5000.")
    return InversionMethod(preset=preset, space=space or None, steps=steps)


class Workshop:
    """One generator.

    Args:
      name: that visitors know it by.
      path: a bundle, checkpoint or zoo name; None for the demo's.
      networks: perceptual networks by name, as `jobs.InversionJob` has them.

    Raises:
      Failure: it cannot be read.
    """

    def __init__(self, name: str, path: str | None, networks: Mapping[str, str | None]):
        self.name = name
        self.path = path
        self.networks = dict(networks)
        self.source = resources.generator(path)
        self.library = direction_lists.Library(source=self.source)
        self._lock = threading.RLock()
        self._engines: dict[InversionMethod, projector_engine.ProjectorEngine] = {}
        self._tables: dict[str, verdicts.Table | None] = {}

    @property
    def config(self) -> base.GeneratorConfig:
        """The generator's."""
        return self.source.network.config

    @property
    def flag(self) -> str | None:
        """What `--generator` says in a command line."""
        return None if self.path is None else self.name

    def job(self, method: InversionMethod) -> jobs.InversionJob:
        """What `encode_image` would be asked for one picture."""
        return jobs.InversionJob(
            paths=(),
            output=pathlib.Path(),
            preset=method.preset,
            overrides={"space": method.space, "num_steps": method.steps},
            generator=self.path,
            networks=self.networks,
            chunk=CHUNK,
        )

    def engine(self, method: InversionMethod) -> projector_engine.ProjectorEngine:
        """What inverts by a method; the programs of the last few are kept.

        Raises:
          ValueError: the preset has no place for the changes.
          Failure: a network cannot be read.
        """
        with self._lock:
            if method not in self._engines:
                made = encoding.make_engine(self.job(method), self.source)
                self._engines[method] = made
                for old in list(self._engines)[:-_MAX_ENGINES]:
                    del self._engines[old]
            return self._engines[method]

    def table(self, preset: str) -> verdicts.Table | None:
        """What a preset's reconstructions are judged by, where it is known."""
        with self._lock:
            if self._tables.get(preset) is None:
                method = InversionMethod(preset=preset)
                job = dataclasses.replace(self.job(method), verdicts="auto")
                engine = self.engine(method)
                self._tables[preset] = judging.table(job, engine, encoding.make_engine)
            return self._tables[preset]

    def keep_table(self, preset: str, table: verdicts.Table) -> None:
        """Keeps a table that was measured, in the cache too."""
        method = InversionMethod(preset=preset)
        verdicts.save(table, judging.name(self.job(method), self.engine(method)))
        with self._lock:
            self._tables[preset] = table

    def verdict(self, preset: str, row: Mapping[str, object]) -> str:
        """One of "good", "fair", "poor"; "" where there is nothing to judge by yet."""
        table = self._tables.get(preset)
        return verdicts.judge(row, table) if row and table is not None else ""

    def renderer(self, psi: float = 1.0) -> Renderer:
        """What draws codes: one at a time, by one program for all of them."""
        label = 0 if self.config.c_dim else None
        return Renderer(
            source=self.source, truncation_psi=psi, batch_size=1, label=label
        )

    def sampler(self, psi: float = 1.0) -> Sampler:
        """What draws seeds, as `experiments.generate` does."""
        label = 0 if self.config.c_dim else None
        return Sampler(generator=self.source.network, truncation_psi=psi, label=label)

    def draw(self, code: Code) -> np.ndarray:
        """The picture of a code, `[R, R, C]` uint8."""
        renderer = self.renderer()
        (picture,) = renderer.pictures(renderer.ws(code), code)
        return images.to_uint8(picture)

    def warm_up(self) -> None:
        """Compiles what draws a code, so that the first slider moves at once."""
        w_avg = np.asarray(self.source.network.w_avg[...], np.float32)
        value = np.repeat(w_avg[None], self.config.num_ws, axis=0)
        self.draw(Code(name="mean", value=value, space="w+"))

    @functools.cached_property
    def facts(self) -> dict[str, object]:
        """What the generator is, in words."""
        config, about = self.config, self.source.provenance
        return {
            "name": self.name,
            "family": {
                "stylegan1": "StyleGAN",
                "stylegan2": "StyleGAN2",
                "stylegan3": "StyleGAN3",
            }.get(config.family, config.family),
            "resolution": config.resolution,
            "rows": config.num_ws,
            "width": config.w_dim,
            "classes": config.c_dim,
            "license": str(about.get("license", "not known")),
            "source": str(about.get("source") or about.get("made_by") or ""),
            "sha256": self.source.sha256,
            "directions": len(self.library.known),
            "is_demo": self.path is None,
        }

    def direction(self, name: str, imported: Mapping[str, Direction]) -> Direction:
        """A direction by its name: imported, of the bundle, "pca:0", "sefa:0".

        Raises:
          DirectionError: there is none, or it belongs to another generator.
        """
        if name in imported:
            return imported[name]
        if name in self.library.known or _is_computed(name):
            with self._lock:  # the components are found once
                return self.library.direction(name)
        raise safety.Refusal(f"There is no direction {name[:40]!r} here.")

    @property
    def num_computed(self) -> int:
        """How many principal directions, of either kind, the page offers."""
        return min(_COMPONENTS, self.config.w_dim)


def _is_computed(name: str) -> bool:
    method, _, number = name.partition(":")
    return method in ("pca", "sefa") and number.isdecimal() and len(number) < 4


class Workshops:
    """The generators that the studio offers; the last few stay loaded.

    Args:
      offered: bundles, checkpoints or zoo names; the demo's comes first where none is.
      networks: perceptual networks by name.
      is_open: whether a visitor may name others; only where all visitors are the
        person who runs the studio.
    """

    DEMO = "demo"
    _MAX_LOADED = 3

    def __init__(
        self,
        offered: list[str],
        networks: Mapping[str, str | None],
        *,
        is_open: bool,
    ):
        self.paths: dict[str, str | None] = {}
        self.paths |= {self._title(path): path for path in offered}
        self.paths.setdefault(self.DEMO, None)
        self.networks = networks
        self.is_open = is_open
        self._lock = threading.Lock()
        self._loaded: dict[str, Workshop] = {}

    @property
    def first(self) -> str:
        """The generator that a visit begins with."""
        return next(iter(self.paths))

    def get(self, name: str) -> Workshop:
        """A generator by the name that visitors know, loaded where it is not.

        Raises:
          Refusal: it is none of those offered.
          Failure: it cannot be read.
        """
        with self._lock:
            if name not in self._loaded:
                if name not in self.paths:
                    raise safety.Refusal(f"No generator is called {name[:80]!r} here.")
                path = self.paths[name]
                networks = self.networks if path else {}
                self._loaded[name] = Workshop(name, path, networks)
                for old in list(self._loaded)[: -self._MAX_LOADED]:
                    del self._loaded[old]
            return self._loaded[name]

    def add(self, text: str) -> str:
        """Offers what a visitor named; returns its name.

        Raises:
          Refusal: visitors may not.
          Failure: it cannot be read.
        """
        if text in self.paths:
            return text
        if not self.is_open:
            raise safety.Refusal(
                "This studio offers the generators in the list; only who runs it can"
                " add others, with --generator."
            )
        name = safety.unique_name(self._title(text), list(self.paths))
        self.paths[name] = text
        try:
            self.get(name)
        except BaseException:
            del self.paths[name]
            raise
        return name

    @staticmethod
    def _title(path: str) -> str:
        return pathlib.PurePath(path).name or "generator"
