"""Rendering of codes as they were found: their space, noise maps, tuned generator."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from experiments.editing import code_sets
from experiments.editing.code_sets import Code
from experiments.launch import command_line
from experiments.networks.resources import Source
from jax_encoder.editing import style_space
from jax_encoder.errors import InputError
from jax_encoder.inversion import colors, rendering
from jax_encoder.io import differences
from jax_encoder.latents import styles
from jax_encoder.nn import base, stylegan3


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Renderer:
    """How codes become pictures.

    Attributes:
      source: the generator.
      truncation_psi: 1 for none, 0 for the mean picture.
      truncation_cutoff: rows to truncate; None for all.
      label: the class, for codes of Z; conditional generators only.
      noise: "code" (a code's own maps, where it has any), "const" or "none".
      batch_size: pictures per run of the compiled program; the last ones are padded.
      mixed: `[num_ws, w_dim]` of another code, or None.
      mixed_rows: the rows that are taken from it.
    """

    source: Source
    truncation_psi: float = 1.0
    truncation_cutoff: int | None = None
    label: int | None = None
    noise: str = "code"
    batch_size: int = 4
    mixed: np.ndarray | None = None
    mixed_rows: tuple[int, ...] = ()

    def ws(self, code: Code, values: np.ndarray | None = None) -> np.ndarray:
        """The rows for the synthesis network, truncated and mixed.

        Args:
          code: tells the space.
          values: `[S, ...]` in this space; default: the code's own value.

        Returns:
          `[S, num_ws, w_dim]`.

        Raises:
          UsageError: a code of Z, and a conditional generator without a label.
        """
        config = self.source.network.config
        values = code.value[None] if values is None else np.asarray(values)
        if code.space == "z":
            values = self._map(values)
        if values.ndim == 2:
            values = np.repeat(values[:, None], config.num_ws, axis=1)
        psi, cutoff = self.truncation_psi, self.truncation_cutoff
        if psi != 1.0:
            w_avg = self.source.network.w_avg[...]
            values = np.asarray(
                styles.truncate(jnp.asarray(values), w_avg, psi, cutoff)
            )
        if self.mixed is not None:
            values = np.array(values)
            values[:, list(self.mixed_rows)] = self.mixed[list(self.mixed_rows)]
        return values.astype(np.float32)

    def pictures(
        self,
        ws: np.ndarray,
        code: Code | None = None,
        features: np.ndarray | None = None,
    ) -> Iterator[np.ndarray]:
        """Yields pictures `[H, W, C]` in [-1, 1].

        Args:
          ws: `[S, num_ws, w_dim]`.
          code: whose noise maps, colors, feature map and tuned generator to use.
          features: `[S, H, W, C]` offsets of a feature map; default: the code's.

        Raises:
          Failure: the tuned generator was tuned from another one.
        """
        network, noise, table = self.source.network, self._noise(code), None
        if code is not None:
            network, table = self.tuned(code), code.arrays.get("colors")
        kind, maps = (noise, []) if isinstance(noise, str) else ("maps", noise)
        offsets = _offsets(features, code, len(ws))
        for start, batch in enumerate(self._padded(ws)):
            first = start * self.batch_size
            own = None if offsets is None else offsets[first : first + len(batch)]
            if own is not None:
                (own,) = self._padded(own)
            pictures = _render(kind, network, batch, maps, own)
            if table is not None:
                pictures = _recolor(pictures, jnp.asarray(table)[None])
            num = min(self.batch_size, len(ws) - first)
            yield from np.asarray(jnp.clip(pictures, -1.0, 1.0))[:num]

    def tuned(self, code: Code) -> base.Generator:
        """The generator that was tuned around a code, or moved to its picture's face.

        Raises:
          Failure: it was tuned from another generator, the styles are another's, or
            the frame makes no sense.
        """
        network = self.source.network
        try:
            if code.difference is not None:
                network = differences.load(
                    network, code.difference, parent_sha256=self.source.sha256
                )
            if (styles := code.arrays.get(code_sets.STYLES)) is not None:
                network = style_space.moved(network, styles)
            transform = code.transform
        except (InputError, OSError) as error:
            raise command_line.Failure(str(error)) from error
        if transform is None or not isinstance(network, stylegan3.StyleGAN3Generator):
            return network
        return stylegan3.moved(network, jnp.asarray(transform))

    def _noise(self, code: Code | None) -> str | list[jax.Array]:
        if self.noise != "code":
            return self.noise
        maps = code.noise if code is not None else []
        shapes = getattr(self.source.network.config, "noise_shapes", ())
        is_fitting = [m.shape for m in maps] == [tuple(shape) for shape in shapes]
        return [jnp.asarray(m) for m in maps] if maps and is_fitting else "const"

    def _map(self, z: np.ndarray) -> np.ndarray:
        num_classes = self.source.network.config.c_dim
        if num_classes and self.label not in range(num_classes):
            raise command_line.UsageError(
                f"This generator has {num_classes} classes: give --label=0 to"
                f" {num_classes - 1}."
            )
        run = functools.partial(_map, self.label if num_classes else None)
        parts = [np.asarray(run(self.source.network, b)) for b in self._padded(z)]
        return np.concatenate(parts)[: len(z)]

    def _padded(self, rows: np.ndarray) -> list[np.ndarray]:
        padding = [(0, -len(rows) % self.batch_size)] + [(0, 0)] * (rows.ndim - 1)
        filled = np.pad(rows, padding, mode="edge")
        size = self.batch_size
        return [filled[k : k + size] for k in range(0, len(filled), size)]


@functools.partial(jax.jit, static_argnums=0)
def _map(label, generator, z):
    if label is None:
        return generator.mapping(z)
    return generator.mapping(
        z, jax.nn.one_hot(jnp.full(len(z), label), generator.config.c_dim)
    )


def _offsets(features, code: Code | None, num: int) -> np.ndarray | None:
    """The offsets of a feature map, one for each of `num` pictures; None for none."""
    if features is not None or code is None or code.features is None:
        return features
    return np.broadcast_to(code.features[None], (num, *code.features.shape))


@functools.partial(jax.jit, static_argnums=0)
def _render(kind, generator, ws, maps: Sequence[jax.Array], features):
    noise = list(maps) if kind == "maps" else kind
    return rendering.render(generator, ws, noise=noise, features=features)


def _recolor(pictures, table):
    """Moves the generator's colors back to the picture's, where they were moved."""
    own, generator = colors.from_array(table)
    return colors.move(pictures, generator, own)
