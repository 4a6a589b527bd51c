"""Directions by name, by file or computed, out of what a person types.

"smile=2,age=-1" is an edit of two directions. A part is NAME, NAME=AMOUNT, a file, or
FILE:NAME=AMOUNT of a file with several; "pca:3" and "sefa:3" are computed. Published
files have names too: "interfacegan-ffhq-age-w", "e4e-ffhq-pca:pc54". A file of one
number per style moves styles; StyleCLIP's "fs3.npy:TEXT.npy", with the difference of
two texts' CLIP embeddings, does, too, and "fs3.npy:TEXT.npy@0.15" from a threshold on.
"""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

import converters
from converters.zoo import catalog, direction_table
from experiments.editing import direction_finding, finding_report
from experiments.launch import command_line
from experiments.networks import conversion
from experiments.networks.resources import Source
from jax_encoder.editing import direction_files, edits, style_space
from jax_encoder.editing.directions import Direction, DirectionError, find
from jax_encoder.io import bundles, codes

_COMPUTED = {"pca": 100_000, "sefa": 0}
_MAX_COMPONENTS = 512


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Library:
    """Where names are looked up.

    Attributes:
      source: the generator; its bundle may hold `directions.npz`.
      rows: first row and the one after the last to move; None: as the direction says.
      conditional: names of directions that every other one is made orthogonal to.
    """

    source: Source
    rows: tuple[int, int] | None = None
    conditional: tuple[str, ...] = ()
    _found: dict[str, Mapping[str, Direction]] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def known(self) -> Mapping[str, Direction]:
        """The directions in the generator's bundle.

        Raises:
          Failure: they are not those that the bundle was sealed with.
        """
        try:
            path = bundles.companion(
                self.source.path,
                finding_report.FILE,
                verify=command_line.is_verifying(),
            )
        except bundles.BundleError as error:
            raise command_line.Failure(str(error)) from error
        return {} if path is None else direction_files.load(path)

    def edit(self, text: str) -> tuple[edits.Edit, bool]:
        """Understands an edit.

        Args:
          text: such as "smile=2,age=-1".

        Returns:
          The edit, and whether an amount was given.

        Raises:
          DirectionError: a part is no direction, or none of this generator.
        """
        parts = [_split(part) for part in text.split(",") if part.strip()]
        found = [(self.direction(name), amount) for name, amount in parts]
        filled = tuple((d, 1.0 if amount is None else amount) for d, amount in found)
        return edits.Edit(parts=filled), any(a is not None for _, a in parts)

    def edits(self, texts: Sequence[str]) -> tuple[list[edits.Edit], bool, list[str]]:
        """Understands several flags' edits.

        Args:
          texts: with amounts one edit each, without them one per part.

        Returns:
          The edits, whether an amount was given, and a sentence for what was refused.

        Raises:
          Failure: no edit is left.
        """
        found, refused, has_amounts = [], [], False
        for text in texts:
            for piece in [text] if "=" in text else text.split(","):
                try:
                    edit, is_given = self.edit(piece)
                except DirectionError as error:
                    refused.append(str(error))
                    continue
                found.append(edit)
                has_amounts |= is_given
        if not found:
            raise command_line.Failure("\n".join(refused) or "no direction was given.")
        return found, has_amounts, refused

    def direction(self, text: str) -> Direction:
        """Finds one direction, with rows and conditions applied.

        Args:
          text: a name, a file, FILE:NAME, "pca:K" or "sefa:K".

        Raises:
          DirectionError: there is none, or it belongs to another generator.
        """
        direction = self._plain(text)
        config = self.source.network.config
        others = [self._plain(name) for name in self.conditional if name != text]
        if others:
            direction = edits.conditional(direction, others)
        if self.rows is not None:
            direction = dataclasses.replace(direction, rows=self.rows)
        widths = {"z": config.z_dim, "s": sum(style_space.widths(self.source.network))}
        width = widths.get(direction.space, config.w_dim)
        direction.check(width=width, num_ws=config.num_ws)
        return direction

    def _plain(self, text: str) -> Direction:
        name, _, rest = text.partition(":")
        if name in _COMPUTED and rest.isdecimal():
            return self._computed(name, int(rest))
        for file, entry in ((text, ""), tuple(text.rpartition(":")[::2])):
            path = _file(file)
            if path is None:
                continue
            if path.suffix == ".npy" and (style := self._of_styles(path, entry)):
                return style
            return self._from_file(path, entry)
        if not self.known:
            raise DirectionError(
                f"{text}: no such file, and the generator's bundle brings no directions"
                " of its own; make some with `python -m experiments.find_directions`."
            )
        return find(self.known, text)

    def _of_styles(self, path: pathlib.Path, entry: str) -> Direction | None:
        """A direction of S, where the file holds one number or row per style."""
        num = sum(style_space.widths(self.source.network))
        try:
            array = codes.read_arrays(path)
        except codes.CodeError:
            return None  # The reader of all other files says why.
        if (
            not isinstance(array, np.ndarray)
            or not num
            or array.dtype.kind not in "fiu"
        ):
            return None
        if array.size == num != self.source.network.config.w_dim and not entry:
            vector = array.reshape(-1).astype(np.float32)
            return Direction(
                name=path.stem,
                vector=vector,
                space="s",
                provenance={"source": path.name},
            )
        if array.ndim != 2 or not entry:
            return None
        file, _, threshold = entry.partition("@")
        try:
            text, beta = codes.read_arrays(pathlib.Path(file)), float(threshold or 0.1)
        except (codes.CodeError, ValueError) as error:
            raise DirectionError(f"{path}:{entry}: {error}") from error
        if not isinstance(text, np.ndarray) or text.dtype.kind not in "fiu":
            raise DirectionError(f"{file}: holds no embedding of a text [D].")
        name = pathlib.Path(file).stem
        return style_space.global_direction(
            name, array, text, self._spread, threshold=beta
        )

    @functools.cached_property
    def _spread(self) -> np.ndarray:
        """How much each style varies."""
        return style_space.deviations(self.source.network)

    def _from_file(self, path: pathlib.Path, entry: str) -> Direction:
        try:
            found = converters.load_directions(path)
        except converters.ConversionError as error:
            raise DirectionError(str(error)) from error
        owner = direction_files.owner(path) if path.suffix == ".npz" else None
        if owner not in (None, self.source.sha256):
            raise DirectionError(
                f"{path}: directions of the generator {str(owner)[:12]}..., not of"
                f" {self.source.sha256[:12]}... ({self.source.path})."
            )
        if not entry and len(found) == 1:
            return next(iter(found.values()))
        if not entry:
            names = ", ".join(list(found)[:12])
            raise DirectionError(
                f"{path}: holds {len(found)} directions; say which, as {path}:NAME, of"
                f" {names}{'...' if len(found) > 12 else ''}."
            )
        return find(found, entry)

    def _computed(self, method: str, index: int) -> Direction:
        if index >= _MAX_COMPONENTS:
            raise DirectionError(f"{method}:{index}: there are at most 512.")
        found = list(self._components(method).values())
        if index >= len(found):
            raise DirectionError(
                f"{method}:{index}: this generator has {len(found)}, from 0."
            )
        return found[index]

    def _components(self, method: str) -> Mapping[str, Direction]:
        if method not in self._found:
            self._found[method] = direction_finding.from_generator(
                method,
                self.source.network,
                num_samples=_COMPUTED[method],
                num_components=_MAX_COMPONENTS,
            )
        return self._found[method]


def _file(text: str) -> pathlib.Path | None:
    """The file that a person names: a path, or published directions of the zoo."""
    if not text:
        return None
    if pathlib.Path(text).is_file():
        return pathlib.Path(text)
    try:
        return direction_table.locate(text, announce=conversion.announce)
    except (catalog.ZooError, ImportError) as error:
        raise DirectionError(str(error)) from error


def _split(part: str) -> tuple[str, float | None]:
    """Name and amount of "smile=2"; an amount of None was not given."""
    name, equals, amount = part.strip().rpartition("=")
    if not equals:
        return part.strip(), None
    try:
        return name.strip(), float(amount)
    except ValueError:
        raise DirectionError(
            f"{part.strip()!r}: an amount is a number, as in smile=2 or age=-1.5."
        ) from None


def parse_rows(text: str | None) -> tuple[int, int] | None:
    """Reads "0-3" as the rows 0 to 3; None stays None.

    Raises:
      UsageError: it reads otherwise.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?\s*", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise command_line.UsageError(f'{text!r}: rows read like "0-3".')
    return first, last + 1


def file_name(parts: Sequence[str]) -> str:
    """Joins texts to the stem of a file: odd signs become underscores."""
    joined = "_".join(part.replace("=", "") for part in parts)
    return re.sub(r"[^\w.+-]+", "_", joined)[:120]
