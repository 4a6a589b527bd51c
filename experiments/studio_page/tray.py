"""The tray: the codes of one visit, saved and loaded as code files."""

import dataclasses
import io
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.editing import code_sets
from experiments.editing.code_sets import Code
from experiments.networks.resources import Source
from experiments.runs import tuning
from experiments.studio_page import safety
from jax_encoder.io import codes as code_files
from jax_encoder.io import json_types

CODE_SUFFIXES = (".npz", ".npy", ".pt", ".pth", ".pkl")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TrayEntry:
    """A code in the tray.

    Attributes:
      code: with the entry's name.
      picture: `[R, R, C]` uint8, what the code shows.
      generator_sha256: of the generator that it belongs to.
      target: `[R, R, C]` uint8, the picture that was inverted, or None.
      row: of a summary: status, psnr, lpips; {} of codes that were not inverted here.
      preset: how it was found, or "".
    """

    code: Code
    picture: np.ndarray
    generator_sha256: str
    target: np.ndarray | None = None
    row: Mapping[str, json_types.Json] = dataclasses.field(default_factory=dict)
    preset: str = ""

    @property
    def name(self) -> str:
        """What it is shown as, and what its file is called."""
        return self.code.name

    def renamed(self, name: str) -> "TrayEntry":
        """The entry under another name."""
        return dataclasses.replace(self, code=dataclasses.replace(self.code, name=name))


def public_metadata(code: Code) -> json_types.Row:
    """What a code's file may say of itself: no path of the machine."""
    found = dict(code.metadata)
    if isinstance(found.get("generator"), str):
        found["generator"] = pathlib.PurePath(found["generator"]).name
    if isinstance(found.get("frame"), Mapping) and found["frame"].get("photograph"):
        name = pathlib.PurePath(found["frame"]["photograph"]).name
        found["frame"] = {**found["frame"], "photograph": name}
    return found


def save(entries: Sequence[TrayEntry], folder: pathlib.Path) -> bytes:
    """Packs codes as `encode_image` writes them, `<name>.npz` and `.npy`.

    Args:
      entries: with different names.
      folder: where to write while packing; nothing of it is left.

    Returns:
      A zip archive.
    """
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        root = pathlib.Path(place)
        for entry in entries:
            _write(entry, root / entry.name)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(root.iterdir()):
                archive.write(path, path.name)
    return buffer.getvalue()


def _write(entry: TrayEntry, stem: pathlib.Path) -> None:
    code = entry.code
    if code.space != "w+":  # a bare file, whose name tells the space
        code_files.save_array(f"{stem}_{code.space}.npy", code.value)
        return
    details = public_metadata(code)
    space = details.pop("space", "w+")
    details.pop("format", None)
    code_files.save(stem, code.value, space=space, arrays=dict(code.arrays), **details)
    if code.difference is not None:
        shutil.copyfile(code.difference, f"{stem}{tuning.DIFFERENCE}")


def load(
    content: bytes,
    name: str,
    source: Source,
    folder: pathlib.Path,
    limits: safety.VisitorLimits,
) -> tuple[list[Code], list[str]]:
    """Reads codes that a visitor sends.

    Args:
      content: of a code file, or of a zip archive of such.
      name: the file's, as the visitor has it.
      source: the generator that is to render them.
      folder: of the visit; what codes need later (differences) stays in it.
      limits: of the archive.

    Returns:
      The codes, and a sentence for each that was refused.

    Raises:
      Refusal: the archive is none, or too large.
      Failure: no code can be used.
    """
    place = pathlib.Path(tempfile.mkdtemp(dir=folder))
    try:
        shown = _unpack(content, name, place, limits)
        found, refused = code_sets.read(str(place), source)
        by_stem = {pathlib.PurePath(own).stem: other for own, other in shown.items()}
        codes = [
            dataclasses.replace(code, name=_renamed(code.name, by_stem))
            for code in found
        ]
    except Exception:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return codes, [safety.sentence(ValueError(text), shown) for text in refused]


def _renamed(own: str, by_stem: Mapping[str, str]) -> str:
    """The visitor's name of a code whose file has ours, "code000_2" and so on."""
    stem, _, number = own.partition("_")
    name = pathlib.PurePath(by_stem.get(own) or by_stem.get(stem, "code")).stem
    return f"{name}_{number}" if number and own not in by_stem else name


def _unpack(
    content: bytes, name: str, place: pathlib.Path, limits: safety.VisitorLimits
) -> dict[str, str]:
    """Writes the files under names of ours; returns the visitor's by ours."""
    if pathlib.PurePath(name).suffix.lower() != ".zip":
        suffix = pathlib.PurePath(name).suffix.lower()
        if suffix not in CODE_SUFFIXES:
            known = ", ".join((*CODE_SUFFIXES, ".zip"))
            raise safety.Refusal(f"{name} is no file of codes; those end in {known}.")
        own = f"code000{_space_ending(name)}{suffix}"
        (place / own).write_bytes(content)
        return {own: name}
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = [m for m in archive.infolist() if not m.is_dir()]
        _check(name, members, limits)
        return _extract(archive, members, place)
    except safety.Refusal:
        raise
    except Exception as error:  # zipfile raises many kinds on damaged archives
        raise safety.Refusal(f"{name} is damaged, or no zip archive.") from error


def _check(
    name: str, members: list[zipfile.ZipInfo], limits: safety.VisitorLimits
) -> None:
    size = sum(member.file_size for member in members)
    if len(members) > 3 * limits.max_files:
        raise safety.Refusal(f"{name} holds {len(members)} files, too many.")
    if size > limits.max_unpacked:
        raise safety.Refusal(f"{name} unpacks to {size >> 20} MiB, too much.")


def _extract(archive, members, place: pathlib.Path) -> dict[str, str]:
    """Writes the code files among the members, flat, and never more than declared."""
    shown: dict[str, str] = {}
    stems: dict[str, str] = {}
    for member in members:
        name = safety.shown_name(member.filename)
        ending = tuning.DIFFERENCE if name.endswith(tuning.DIFFERENCE) else ""
        suffix = ending or pathlib.PurePath(name).suffix.lower()
        if suffix not in (*CODE_SUFFIXES, tuning.DIFFERENCE):
            continue
        stem = name.removesuffix(suffix)
        number = stems.setdefault(stem, f"code{len(stems):03}")
        own = f"{number}{'' if ending else _space_ending(name)}{suffix}"
        with archive.open(member) as file:
            (place / own).write_bytes(file.read(member.file_size + 1))
        shown.setdefault(own, name)
    return shown


def _space_ending(name: str) -> str:
    """The "_z", "_w" or "_wp" of a bare file whose name tells its space."""
    stem = pathlib.PurePath(name).stem.lower().replace("-", "_")
    ending = stem.rsplit("_", 1)[-1]
    return f"_{ending}" if ending in ("z", "w", "wp") else ""
