"""The map of the latent space, and grids of seeds."""

import dataclasses
import importlib.util
from collections.abc import Sequence

import numpy as np

from experiments.editing import readers
from experiments.editing.code_sets import Code
from experiments.launch import command_line
from experiments.networks import seed_pictures
from experiments.studio_page import safety
from experiments.studio_page.workshop import Workshop
from jax_encoder.io import images
from jax_encoder.latents import maps
from jax_encoder.latents import sampling as latent_sampling

NUM_DOTS = 240
_MAX_SEEDS = 64
_REACH = 4.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dot:
    """A code on the map.

    Attributes:
      x: to the right, within -1 and 1 over the map.
      y: upwards, likewise.
      seed: of a random code, or None.
      name: of a code of the tray, or "".
    """

    x: float
    y: float
    seed: int | None = None
    name: str = ""


def kinds() -> tuple[str, ...]:
    """The maps that can be drawn here."""
    has_tsne = importlib.util.find_spec("sklearn") is not None
    return ("pca", "tsne") if has_tsne else ("pca",)


def draw_map(kind: str, codes: Sequence[Code], workshop: Workshop) -> list[Dot]:
    """Places random codes, and those of a tray, on a map.

    Args:
      kind: "pca": along the first two principal directions, each unit of the map
        `reach` of their standard deviations; "tsne": neighbors stay neighbors.
      codes: of the tray.
      workshop: of the generator.

    Raises:
      Refusal: there is no such map here.
    """
    if kind not in kinds():
        raise safety.Refusal(
            "A t-SNE map needs scikit-learn: pip install 'jax_encoder[analysis]'."
        )
    w = np.concatenate([_random_w(workshop), _tray_w(codes, workshop)])
    places = _principal(w, workshop) if kind == "pca" else _neighbors(w)
    dots = [
        Dot(x=float(x), y=float(y), seed=seed)
        for seed, (x, y) in enumerate(places[:NUM_DOTS])
    ]
    named = zip(codes, places[NUM_DOTS:], strict=True)
    return dots + [
        Dot(x=float(x), y=float(y), name=code.name) for code, (x, y) in named
    ]


def _random_w(workshop: Workshop) -> np.ndarray:
    z = latent_sampling.seeded_z(workshop.config, range(NUM_DOTS))
    if not workshop.config.c_dim:
        return readers.map_codes(workshop.source.network, z)
    return workshop.sampler().ws(range(NUM_DOTS))[:, 0]


def _tray_w(codes: Sequence[Code], workshop: Workshop) -> np.ndarray:
    """`[K, w_dim]`: of a code with rows of their own the mean row."""
    renderer = workshop.renderer()
    rows = [renderer.ws(code)[0].mean(axis=0) for code in codes]
    return np.array(rows).reshape(len(rows), workshop.config.w_dim)


def _axes(workshop: Workshop) -> np.ndarray:
    """`[2, w_dim]`: one standard deviation along each."""
    found = [workshop.direction(name, {}) for name in ("pca:0", "pca:1")]
    return np.stack([direction.vector for direction in found])


def _principal(w: np.ndarray, workshop: Workshop) -> np.ndarray:
    axes = _axes(workshop)
    offsets = w - np.asarray(workshop.source.network.w_avg[...])
    amounts = offsets @ axes.T / np.sum(np.square(axes), axis=1)
    return np.clip(amounts / _REACH, -1.0, 1.0)


def _neighbors(w: np.ndarray) -> np.ndarray:
    found = maps.draw(w[:NUM_DOTS], "tsne", others=w[NUM_DOTS:])
    places = np.concatenate([found.points, found.others])
    places = places - places.mean(axis=0)
    return places / np.abs(places).max()


def amounts_at(x: float, y: float) -> dict[str, float]:
    """The edit of the mean code that leads to a place of the PCA map."""
    return {"pca:0": round(x * _REACH, 2), "pca:1": round(y * _REACH, 2)}


def mean_code(workshop: Workshop) -> Code:
    """The mean code, from which the PCA map is measured."""
    w_avg = np.asarray(workshop.source.network.w_avg[...], np.float32)
    value = np.repeat(w_avg[None], workshop.config.num_ws, axis=0)
    return Code(name="mean", value=value, space="w+", metadata=_owner(workshop))


def seed_code(seed: int, psi: float, workshop: Workshop) -> Code:
    """The code of a seed."""
    (ws,) = workshop.sampler(psi).ws([seed])
    about = {**_owner(workshop), "seed": seed, "truncation_psi": psi}
    return Code(name=f"seed{seed:04}", value=ws, space="w+", metadata=about)


def _owner(workshop: Workshop) -> dict[str, object]:
    return {"generator_sha256": workshop.source.sha256}


def parse_seeds(text: str) -> list[int]:
    """Seeds out of "0-15,40".

    Raises:
      Refusal: it reads otherwise, or there are too many.
    """
    try:
        found = seed_pictures.parse_numbers(text)
    except command_line.UsageError as error:
        raise safety.Refusal(safety.sentence(error)) from error
    if len(found) > _MAX_SEEDS:
        raise safety.Refusal(f"A grid shows {_MAX_SEEDS} seeds at most.")
    return found


def grid(seeds: Sequence[int], psi: float, workshop: Workshop) -> list[np.ndarray]:
    """The pictures of seeds, as `experiments.generate` draws them."""
    sampler = workshop.sampler(psi)
    drawn = sampler.render(sampler.ws(seeds))
    return [images.to_uint8(np.clip(picture, -1.0, 1.0)) for picture in drawn]
