"""Renders procedural faces: PNGs or one sheet, and the attributes they show.

    python -m experiments.render_faces --num=64 --output_dir=faces
    python -m experiments.render_faces --num=64 --sheet --output_dir=faces

Writes `000000.png`... (or `sheet.png`), and the true attributes as `attributes.json`
(by file name and attribute), `attributes.csv` and `attributes.npz`.
"""

import csv
import io

import jax
import numpy as np
from absl import flags

from experiments.launch import command_line, flag_types, outputs
from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.io import contact_sheet, files, images

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "faces", "Where to write.")
_NUM = flag_types.define_integer("num", 16, "How many faces to render.", lower_bound=1)
_RESOLUTION = flag_types.define_integer(
    "resolution", 64, "The side of the pictures in pixels.", 4, 4096
)
_SEED = flag_types.define_seed("seed", 0, "The seed of the people.")
_SHEET = flags.DEFINE_boolean(
    "sheet", False, "Write one sheet instead of a file per face."
)
_COLUMNS = flag_types.define_integer(
    "columns", 8, "How many columns the sheet has.", lower_bound=1
)
_PREFIX = flags.DEFINE_string("prefix", "", "What the files' names begin with.")
_CHUNK = 64


def main(argv):
    """Draws the people of the seed, 64 at a time."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    root = outputs.claim(_OUTPUT_DIR.value)
    num = -(-_NUM.value // _CHUNK) * _CHUNK  # One shape, hence one compilation.
    people = face_attributes.sample(jax.random.key(_SEED.value), num)
    pictures = []
    for start in range(0, num, _CHUNK):
        chunk = people[start : start + _CHUNK]
        pictures.extend(np.asarray(face_rendering.render(chunk, _RESOLUTION.value)))
    pictures = pictures[: _NUM.value]
    names = [f"{_PREFIX.value}{i:06d}.png" for i in range(len(pictures))]
    if _SHEET.value:
        rows = range(0, len(pictures), _COLUMNS.value)
        grid = [pictures[i : i + _COLUMNS.value] for i in rows]
        sheet = contact_sheet.draw(grid, side=_RESOLUTION.value)
        images.write(root / "sheet.png", sheet, is_report=True)
    else:
        for name, picture in zip(names, pictures, strict=True):
            images.write(root / name, picture)
    _write_attributes(root, names, np.asarray(people)[: len(names)])
    print(f"Wrote {len(names)} faces to {root}.")
    return 0


def _write_attributes(root, names, people):
    rows = zip(names, people, strict=True)
    truth = {name: face_attributes.by_name(row) for name, row in rows}
    files.write_json(root / face_attributes.TRUTH, truth)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["file", *face_attributes.NAMES])
    writer.writerows(
        [name, *row.tolist()] for name, row in zip(names, people, strict=True)
    )
    files.write_bytes(root / "attributes.csv", buffer.getvalue().encode())
    with files.writing(root / "attributes.npz") as file:
        np.savez(file, attributes=people, names=np.array(face_attributes.NAMES))


if __name__ == "__main__":
    command_line.run(main)
