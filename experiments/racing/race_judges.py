"""Measures that nobody optimized, and what the found codes are worth for editing."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.editing import readers
from experiments.racing import published, race_targets
from experiments.racing.contest import Attempt
from experiments.racing.race_targets import Targets
from jax_encoder.avatars import attribute_network, face_attributes
from jax_encoder.editing import edits
from jax_encoder.editing.directions import Direction
from jax_encoder.editing.effects import Scale
from jax_encoder.inversion import rendering
from jax_encoder.inversion.state import Models
from jax_encoder.latents import spaces
from jax_encoder.metrics import pairs
from jax_encoder.nn import base
from jax_encoder.ops import norms

_SSIM_SIDE = 11
STEP = 1.5
"""How far an attribute is to move, in standard deviations among people."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Judges:
    """Who judges, besides PSNR, SSIM and the mean squared P_N coordinate.

    Attributes:
      models: the generator, its statistics, and "lpips".
      distances: further distances of pictures by name, such as LPIPS-squeeze.
      reader: reads attributes and identity; None for none.
      directions: the edits, named like attributes that the reader knows.
      embedder: describes who is in a picture, where there is no reader; or None.
    """

    models: Models
    distances: base.Networks = dataclasses.field(default_factory=dict)
    reader: base.Network = None
    directions: Sequence[Direction] = ()
    embedder: base.Embedder | None = None

    def measure(self, attempt: Attempt, targets: Targets) -> dict[str, np.ndarray]:
        """Measures an attempt, name -> `[N]`; NaN where a measure has no meaning."""
        shown = jnp.clip(jnp.asarray(attempt.images), -1, 1)
        wanted = jnp.asarray(targets.pictures)
        found = {
            "mse": pairs.mse(shown, wanted),
            "psnr": pairs.psnr(shown, wanted),
        }
        if shown.shape[1] >= _SSIM_SIDE:
            found["ssim"] = pairs.ssim(shown, wanted)
        lpips = {"lpips": self.models.networks["lpips"]}
        for name, distance in {**lpips, **self.distances}.items():
            found[name] = _compare(distance, shown, wanted)
        if wanted.shape[-1] == 3:
            found |= published.measure(self.models, attempt.images, targets.pictures)
        if self.models.statistics.p is not None:
            values = spaces.get("p_n+").from_ws(
                jnp.asarray(attempt.ws), self.models.statistics
            )
            found["p_n_squared"] = jnp.mean(jnp.square(values), axis=(1, 2))
        if self.reader is not None:
            found["attribute_error"] = attribute_network.errors(
                *(_predict(self.reader, x) for x in (shown, wanted))
            )
        embedder = self.embedder or self.reader
        if embedder is not None:
            a, b = (embedder.embed(x) for x in (shown, wanted))
            cosine = jnp.sum(a * b, axis=1)
            found["identity"] = cosine / (norms.safe_norm(a) * norms.safe_norm(b))
        return {name: np.asarray(row) for name, row in found.items()}

    def edit(self, attempt: Attempt, targets: Targets) -> dict[str, np.ndarray]:
        """Edits found codes and true ones alike, and compares the pictures.

        Args:
          attempt: its codes of own and held-out targets are edited; of photographs
            nobody knows what the edited one looks like.
          targets: tell the true codes and attributes.

        Returns:
          Name -> `[N]`, means over the directions: "edit_psnr" to the true edit,
          "edit_wanted" the move of the wanted attribute over the one asked for,
          "edit_leak" the mean absolute change of the others in standard deviations,
          "edit_identity" the cosine to the unedited reconstruction, and
          "edit_examples" `[N, R, R, C]`, edited along the first direction.
        """
        if self.reader is None or not self.directions:
            return {}
        scale = readers.scale(self.reader, np.zeros((2, 1)))
        rows = [self._edit(attempt, targets, d, scale) for d in self.directions]
        means = {
            name: np.mean([row[name] for row in rows], axis=0)
            for name in rows[0]
            if name != "edit_examples"
        }
        return {**means, "edit_examples": rows[0]["edit_examples"]}

    def _edit(self, attempt, targets, direction: Direction, scale: Scale):
        column = list(scale.names).index(direction.name)
        before = self._scores(targets.pictures)
        signs = np.where(
            scale.high[column] - before[:, column]
            >= before[:, column] - scale.low[column],
            STEP,
            -STEP,
        ).astype(np.float32)
        true = self._true_edits(targets, direction, signs, scale, column)
        change = edits.Edit(parts=((direction, 1.0),)).change(attempt.ws.shape[1])
        change = np.broadcast_to(change, attempt.ws.shape[1:])
        edited = self._render(
            attempt.ws + signs[:, None, None] * change[None], attempt.features
        )
        start = np.clip(attempt.images, -1, 1)
        scores = [self._scores(x) for x in (start, edited)]
        moved = scale.apart(scores[0], scores[1])
        is_other = np.array(face_attributes.visible(jnp.asarray(scores[0]))) > 0.5
        is_other[:, column] = False
        leak = np.sum(np.abs(moved) * is_other, axis=1) / np.sum(is_other, axis=1)
        embeddings = [
            np.asarray(self.reader.embed(jnp.asarray(x))) for x in (start, edited)
        ]
        is_known = np.isfinite(true).all(axis=(1, 2, 3))
        wanted = np.where(is_known, moved[:, column] / signs, np.nan)
        return {
            "edit_psnr": np.asarray(pairs.psnr(jnp.asarray(edited), jnp.asarray(true))),
            "edit_wanted": wanted,
            "edit_leak": leak,
            "edit_identity": np.sum(embeddings[0] * embeddings[1], axis=1),
            "edit_examples": edited,
        }

    def _true_edits(self, targets, direction, signs, scale, column) -> np.ndarray:
        """The true edits `[N, R, R, C]`; NaN for photographs."""
        true = np.full_like(targets.pictures, np.nan)
        own, held_out = targets.of_kind("own"), targets.of_kind("held-out")
        if len(own):
            change = edits.Edit(parts=((direction, 1.0),)).change(targets.ws.shape[1])
            change = np.broadcast_to(change, targets.ws.shape[1:])
            true[own] = self._render(targets.ws + signs[own, None, None] * change[None])
        if len(held_out):
            attributes = np.array(targets.attributes)
            moved = attributes[:, column] + signs[held_out] * scale.std[column]
            low, high = scale.low[column], scale.high[column]
            attributes[:, column] = np.clip(moved, low, high)
            side = targets.pictures.shape[1]
            true[held_out] = race_targets.render_faces(attributes, side)
        return true

    def _render(self, ws: np.ndarray, features: np.ndarray | None = None):
        images = _draw(self.models.generator, jnp.asarray(ws), features)
        return np.asarray(jnp.clip(images, -1, 1))

    def _scores(self, images: np.ndarray) -> np.ndarray:
        return np.asarray(_predict(self.reader, jnp.asarray(images)))


@jax.jit
def _compare(distance, shown, wanted):
    return distance(shown, wanted)


@jax.jit
def _predict(reader, images):
    return attribute_network.predict(reader, images)


@jax.jit
def _draw(generator, ws, features):
    return rendering.render(generator, ws, features=features)
