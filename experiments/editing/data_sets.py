"""Pictures with their codes and scores, in shards: a run that died goes on.

| layout | pictures | codes |
|---|---|---|
| own | `pictures/000000.png` | `shards/shard_00000.npz`: z, w or ws, labels, scores |
| interfacegan | `000000.png` | also `z.npy`, `w.npy`, `wp.npy`, as its scripts read |

Both end with `scores.csv`, a row per picture, where there is a scorer.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

import jax
import numpy as np

from experiments.editing import readers
from experiments.editing.code_sets import Code
from experiments.editing.edit_rendering import Renderer
from experiments.launch import command_line
from experiments.runs import settings
from jax_encoder.io import codes as code_files
from jax_encoder.io import files, images, loading

LAYOUTS = ("own", "interfacegan")
_SETTINGS = "settings.json"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DataSet:
    """What is drawn.

    Attributes:
      renderer: makes pictures.
      output: a directory that exists.
      space: "z" and "w" draw one z for all rows, "w+" one for every row; all of them
        are mapped.
      num: pictures.
      shard_size: pictures per shard; what a killed run loses at most.
      seed: of the codes.
      layout: of `LAYOUTS`.
      is_reference_bug: draw w and ws from a normal distribution instead of mapping z,
        as InterFaceGAN's script does; such codes are none of the generator's.
      scorer: the network that scores, or None.
    """

    renderer: Renderer
    output: pathlib.Path
    space: str = "z"
    num: int = 1000
    shard_size: int = 256
    seed: int = 0
    layout: str = "own"
    is_reference_bug: bool = False
    scorer: object = None

    @property
    def settings(self) -> dict[str, object]:
        """What the codes and pictures depend on, but their number."""
        return {
            "generator_sha256": self.renderer.source.sha256,
            "space": self.space,
            "shard_size": self.shard_size,
            "seed": self.seed,
            "layout": self.layout,
            "reference_bug": self.is_reference_bug,
            "truncation_psi": self.renderer.truncation_psi,
            "truncation_cutoff": self.renderer.truncation_cutoff,
            "label": self.renderer.label,
            "is_scored": self.scorer is not None,
        }

    def shards(self) -> Iterator[tuple[int, int]]:
        """Yields (first picture, number of pictures) of every shard."""
        for first in range(0, self.num, self.shard_size):
            yield first, min(self.shard_size, self.num - first)

    def shard_path(self, first: int) -> pathlib.Path:
        """The file of the shard that begins with a picture."""
        number = first // self.shard_size
        return self.output / "shards" / f"shard_{number:05}.npz"

    def picture_path(self, index: int) -> pathlib.Path:
        """The file of a picture."""
        folder = self.output / "pictures" if self.layout == "own" else self.output
        return folder / f"{index:06}.png"


def generate(data: DataSet) -> int:
    """Draws what is missing, then writes the tables of the whole.

    Args:
      data: what to draw.

    Returns:
      The number of pictures drawn in this run.

    Raises:
      Failure: the directory holds a set with other settings.
      WriteError: the disk is full or read-only.
    """
    _check_settings(data)
    files.make_directory(data.output / "shards")
    files.make_directory(data.picture_path(0).parent)
    num_drawn = 0
    for first, num in data.shards():
        if not _is_finished(data, first, num):
            _draw(data, first, num)
            num_drawn += num
    _write_tables(data)
    return num_drawn


def _check_settings(data: DataSet) -> None:
    path = data.output / _SETTINGS
    if path.is_file():
        changes = settings.differences(settings.read(path), data.settings)
        if changes:
            raise command_line.Failure(
                f"{data.output} holds a set with other settings ({changes}); give the"
                " same or another directory."
            )
    files.write_json(path, data.settings)


def _is_finished(data: DataSet, first: int, num: int) -> bool:
    """Whether a shard, which is written after its pictures, is there and whole."""
    path = data.shard_path(first)
    if not path.is_file():
        return False
    try:
        return len(loading.read_arrays(path)["ws"]) == num
    except (loading.LoadError, KeyError, TypeError):
        return False


def _draw(data: DataSet, first: int, num: int) -> None:
    arrays = codes_of(data, first, num)
    if data.scorer is not None:
        read = readers.reader(data.renderer.source.network, data.scorer)
        arrays["scores"] = read(arrays["ws"]).scores
    for index, picture in enumerate(data.renderer.pictures(arrays["ws"])):
        images.write(data.picture_path(first + index), picture)
    if data.space != "w+" and not data.is_reference_bug:
        arrays["labels"] = np.full(num, data.renderer.label or 0, np.int32)
    with files.writing(data.shard_path(first)) as file:
        np.savez(file, allow_pickle=False, **arrays)


def codes_of(data: DataSet, first: int, num: int) -> dict[str, np.ndarray]:
    """The codes of a shard: `z` and `w` where there are any, and truncated `ws`.

    Args:
      data: what to draw.
      first: the shard's first picture.
      num: of its pictures.

    Returns:
      z `[N, z_dim]`, w `[N, w_dim]` (one per row, `[N, num_ws, ...]`, in W+) and ws
      `[N, num_ws, w_dim]`. A code does not depend on `num`.
    """
    config = data.renderer.source.network.config
    key = jax.random.fold_in(jax.random.key(data.seed), first // data.shard_size)
    is_layered = data.space == "w+"
    is_z = not (data.is_reference_bug and data.space != "z")
    rows = (config.num_ws,) if is_layered else ()
    shape = (data.shard_size, *rows, config.z_dim if is_z else config.w_dim)
    drawn = np.asarray(jax.random.normal(key, shape))[:num]
    found = {"z": drawn} if is_z else {}
    w = _mapped(data, drawn) if is_z else drawn
    code = Code(name="", value=w[0], space="w+" if is_layered else "w")
    plain = data.renderer
    if is_layered:  # W+ bypasses truncation, as in the reference
        plain = dataclasses.replace(plain, truncation_psi=1.0)
    return found | {"w": w, "ws": plain.ws(code, w)}


def _mapped(data: DataSet, z: np.ndarray) -> np.ndarray:
    """The w of every z, row by row in W+."""
    plain = dataclasses.replace(data.renderer, truncation_psi=1.0, mixed=None)
    flat = z.reshape(-1, z.shape[-1])
    w = plain.ws(Code(name="", value=flat[0], space="z"), flat)[:, 0]
    return w.reshape(*z.shape[:-1], -1)


def _write_tables(data: DataSet) -> None:
    """Joins the shards: InterFaceGAN's arrays, and the scores as a CSV."""
    parts: dict[str, list[np.ndarray]] = {}
    wanted = ["scores", "labels"]
    wanted += ["z", "w", "ws"] if data.layout == "interfacegan" else []
    for first, _ in data.shards():
        shard = loading.read_arrays(data.shard_path(first))
        for name in wanted:
            if name in shard:
                parts.setdefault(name, []).append(shard[name])
    whole = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    for name, file_name in (("z", "z"), ("w", "w"), ("ws", "wp")):
        if name in whole and (name == "ws" or whole[name].ndim == 2):
            code_files.save_array(data.output / f"{file_name}.npy", whole[name])
    if "scores" in whole:
        header = ",".join(["picture", *readers.names(data.scorer)])
        lines = [
            ",".join([data.picture_path(k).name, *(f"{x:.6g}" for x in row)])
            for k, row in enumerate(whole["scores"])
        ]
        text = "\n".join([header, *lines, ""])
        files.write_bytes(data.output / "scores.csv", text.encode())
