"""Codes out of files, directories and lists of them, one by one, for one generator.

What cannot be used is a sentence; the rest goes on.
"""

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from experiments.launch import command_line
from experiments.networks.resources import Source
from experiments.runs import tuning
from experiments.stores import code_loading
from jax_encoder.alignment import frames, transforms
from jax_encoder.errors import InputError
from jax_encoder.io import codes as code_files
from jax_encoder.io import json_types, loading

STYLES = "styles"
"""The name of an offset of styles `[S]` among a code's arrays."""
SPACES = {"z": "z", "w": "w", "wp": "w+", "w+": "w+"}
_MAX_SHOWN = 8
_SUFFIXES = (".npz", ".npy", ".pt", ".pth", ".pkl")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Code:
    """One picture's code.

    Attributes:
      name: of the picture.
      value: `[z_dim]` in "z", `[w_dim]` in "w", `[num_ws, w_dim]` in "w+".
      space: "z", "w" or "w+".
      arrays: what else its file holds: `noise_00`... `[H, W]`, colors, and of space F
        the offset of a feature map, features `[H, W, C]`.
      metadata: what its file says of it.
      difference: the file of the generator that was tuned around it, or None.
    """

    name: str
    value: np.ndarray
    space: str
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    metadata: Mapping[str, json_types.Json] = dataclasses.field(default_factory=dict)
    difference: pathlib.Path | None = None

    @property
    def noise(self) -> list[np.ndarray]:
        """Its noise maps `[H, W]`, coarse to fine; empty where it has none."""
        return [self.arrays[k] for k in sorted(self.arrays) if k.startswith("noise_")]

    @property
    def features(self) -> np.ndarray | None:
        """The offset `[H, W, C]` of its feature map; None where it has none."""
        return self.arrays.get(code_files.FEATURES)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but its value tells how it is rendered."""
        return not (self.arrays or self.difference or self.transform is not None)

    @property
    def transform(self) -> np.ndarray | None:
        """`[3, 3]`, under which StyleGAN3 draws a picture that was left unaligned."""
        frame = frames.from_metadata(self.metadata)
        return None if frame is None else transforms.of_frame(frame)


def read(
    text: str, source: Source, *, space: str | None = None
) -> tuple[list[Code], list[str]]:
    """Reads all codes that a flag names.

    Args:
      text: files, directories and stores, or STORE#ID of a picture in one, with commas
        between them. A directory stands for the
        codes in it, of each name the `.npz` first, and `NAME.difference.npz` beside a
        code for the generator that was tuned around it.
      source: the generator that is to render them.
      space: "z", "w" or "w+" where a file cannot tell.

    Returns:
      The codes, and a sentence for everything that was refused.

    Raises:
      Failure: no code is left.
    """
    found: list[Code] = []
    refused: list[str] = []
    for path in _files(text, refused):
        try:
            found += _from_file(path, source, space)
        except InputError as error:
            refused.append(str(error))
    if not found:
        shown = refused[:_MAX_SHOWN]
        if more := len(refused) - len(shown):
            shown = [*shown, f"... and {more} more"]
        reasons = "".join(f"\n  {reason}" for reason in shown)
        raise command_line.Failure(f"{text}: no code that can be used.{reasons}")
    return _unique(found), refused


def _files(text: str, refused: list[str]) -> Iterator[pathlib.Path]:
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        path = pathlib.Path(piece)
        if code_loading.is_store(piece):
            yield path
        elif path.is_dir():
            yield from _in_directory(path, refused)
        elif path.name.endswith(tuning.DIFFERENCE):
            refused.append(
                f"{path}: a tuned generator's difference, not a code; give the code and"
                " keep the difference beside it."
            )
        else:
            yield path


def _in_directory(path: pathlib.Path, refused: list[str]) -> list[pathlib.Path]:
    """The code file of every name, the most telling kind first."""
    found: dict[str, pathlib.Path] = {}
    for suffix in _SUFFIXES:
        for file in sorted(path.glob(f"*{suffix}")):
            if not file.name.endswith(tuning.DIFFERENCE):
                found.setdefault(file.stem, file)
    if not found:
        refused.append(f"{path}: holds no codes (.npz, .npy, .pt).")
    return [found[name] for name in sorted(found)]


def _from_file(path: pathlib.Path, source: Source, space: str | None) -> list[Code]:
    config = source.network.config
    loaded = code_loading.load(path, space=_space_of(path, space), num_ws=config.num_ws)
    owner = loaded.metadata.get("generator_sha256")
    if owner not in (None, source.sha256):
        raise code_files.CodeError(
            f"{path}: a code of the generator {str(owner)[:12]}..., not of"
            f" {source.sha256[:12]}... ({source.path}); name its own with --generator."
        )
    width = config.z_dim if loaded.space == "z" else config.w_dim
    if loaded.values.shape[-1] != width:
        raise code_files.CodeError(
            f"{path}: {loaded.values.shape[-1]} entries per row, this generator's"
            f" {loaded.space} has {width}; name the generator that it belongs to."
        )
    found = [_entry(loaded, index, path) for index in range(len(loaded.values))]
    for code in found:
        _check_features(code, config, path)
    return found


def _check_features(code: Code, config: object, path: pathlib.Path) -> None:
    """Refuses the offset of a feature map that this generator does not have."""
    if code.features is None:
        return
    shape = code.features.shape
    known = [layer.shape for layer in getattr(config, "feature_layers", ())]
    is_number = code.features.dtype.kind in "fiu"
    if shape not in known or not is_number or not np.isfinite(code.features).all():
        raise code_files.CodeError(
            f"{path}: its array {code_files.FEATURES!r}, of shape {shape}, changes no"
            f" feature map of this generator, whose are {known or 'fixed'}; name the"
            " generator that it belongs to, or take the array out."
        )


def _space_of(path: pathlib.Path, space: str | None) -> str | None:
    """A single row of numbers in a bare file: what people keep so is a w."""
    if space is not None or path.suffix != ".npy":
        return space
    try:
        array = loading.read(path)
    except loading.LoadError:
        return None  # the reader of codes says why
    is_named = path.stem.lower().rsplit("_", 1)[-1] in ("z", "w", "wp")
    is_row = isinstance(array, np.ndarray) and array.ndim == 1
    return "w" if is_row and not is_named else None


def _entry(loaded: code_files.Codes, index: int, path: pathlib.Path) -> Code:
    name = loaded.names[index].replace("/", "_")  # of a store: by its folders
    num = len(loaded.values)
    arrays = {
        key: array[index] if array.ndim == 3 and len(array) == num else array
        for key, array in loaded.arrays.items()
        if key.startswith("noise_") or key in ("colors", STYLES)
    }
    features = loaded.arrays.get(code_files.FEATURES)
    if features is not None:
        is_shared = features.ndim != 4 or len(features) != num
        arrays[code_files.FEATURES] = features if is_shared else features[index]
    difference = path.with_name(f"{name}{tuning.DIFFERENCE}")
    return Code(
        name=name,
        value=loaded.values[index],
        space=loaded.space,
        arrays=arrays,
        metadata=loaded.metadata,
        difference=difference if difference.is_file() else None,
    )


def _unique(found: Sequence[Code]) -> list[Code]:
    """Gives codes of the same name numbers, so that no file overwrites another."""
    counts: dict[str, int] = {}
    renamed = []
    for code in found:
        counts[code.name] = number = counts.get(code.name, 0) + 1
        name = code.name if number == 1 else f"{code.name}_{number}"
        renamed.append(dataclasses.replace(code, name=name))
    return renamed


def without_tuning(code: Code) -> Code:
    """The code, to be rendered by the generator as it was before tuning."""
    return dataclasses.replace(code, difference=None)


def moved_to(code: Code, space: str, source: Source, mapped: np.ndarray) -> Code:
    """Brings a code to a space farther down the network.

    Args:
      code: any.
      space: "z", "w" or "w+".
      source: the generator.
      mapped: `[num_ws, w_dim]` what the code becomes in W+.

    Returns:
      The code with its value in the space.

    Raises:
      CodeError: there is no way back from its space to this one.
    """
    order = ("z", "w", "w+")
    if order.index(space) < order.index(code.space):
        is_one = code.space == "w+" and space == "w" and (mapped == mapped[:1]).all()
        if not is_one:
            raise code_files.CodeError(
                f"{code.name}: a code of {code.space.upper()} cannot be brought back to"
                f" {space.upper()}; leave -s out, or give codes of {space.upper()}."
            )
    if space == code.space:
        return code
    value = mapped if space == "w+" else mapped[0]
    return dataclasses.replace(code, value=value, space=space)
