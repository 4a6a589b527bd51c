"""A folder of renderings with planted faults, and how many of them `curate` finds.

    python -m tests.experiments.curating.planted --folder=runs/planted
    python -m experiments.curate --images=runs/planted/pictures --output_dir=curated
    python -m tests.experiments.curating.planted --folder=runs/planted \
      --judge=curated/curation.csv

Of 5,000 pictures 200 get a near-duplicate (recolored, shifted by one pixel, JPEG of
quality 30), 50 others are moved, and 50 outliers are added; a smaller folder gets as
large a share. `planted.json` says what was done to which.
"""

import argparse
import collections
import csv
import json
import pathlib
import sys

import numpy as np
from PIL import Image

from jax_encoder.avatars import rendered

SIDE = 64


def _recolored(picture, rng):
    gains, offset = rng.uniform(0.75, 1.25, 3), rng.uniform(-20, 20, 3)
    return np.clip(picture * gains + offset, 0, 255).astype(np.uint8)


def _shifted(picture, rng):
    dy, dx = [(0, 1), (0, -1), (1, 0), (-1, 0)][rng.integers(4)]
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return padded[1 + dy : 1 + dy + SIDE, 1 + dx : 1 + dx + SIDE]


def _noise(rng):
    coarse = rng.integers(0, 256, (2 ** rng.integers(2, 7),) * 2 + (3,), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.BICUBIC))


def _stripes(rng):
    y, x = np.mgrid[:SIDE, :SIDE]
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 20)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    return _between(wave > 0, rng)


def _gradient(rng):
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    return _between(np.clip(x * rng.uniform() + y * rng.uniform(), 0, 1), rng)


def _blocks(rng):
    picture = np.full((SIDE, SIDE, 3), rng.integers(0, 256, 3))
    for _ in range(rng.integers(3, 9)):
        top, left = rng.integers(0, SIDE - 8, 2)
        height, width = rng.integers(8, 40, 2)
        picture[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return picture.astype(np.uint8)


def _between(share, rng):
    """A picture between two random colors."""
    a, b = rng.integers(0, 256, (2, 3))
    return (a + np.asarray(share, float)[..., None] * (b - a)).astype(np.uint8)


def _rotated(picture, rng):
    angle = rng.choice([-1, 1]) * rng.uniform(15, 60)
    return _warped(picture, angle=angle)


def _moved(picture, rng):
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(9, 18)
    return _warped(picture, dx=far * np.cos(angle), dy=far * np.sin(angle))


def _scaled(picture, rng):
    return _warped(picture, scale=rng.choice([rng.uniform(0.5, 0.7), 1.5]))


def _upside_down(picture, rng):
    return picture[::-1]


def _warped(picture, *, angle=0.0, dx=0.0, dy=0.0, scale=1.0):
    """A picture turned, moved and scaled about its center, its border continued."""
    padded = np.pad(picture, ((SIDE, SIDE), (SIDE, SIDE), (0, 0)), mode="edge")
    image = Image.fromarray(padded).rotate(
        angle, Image.BICUBIC, translate=(round(dx), round(dy))
    )
    half = SIDE / 2 / scale
    box = tuple(1.5 * SIDE + k * half for k in (-1, -1, 1, 1))
    return np.asarray(image.resize((SIDE, SIDE), Image.BICUBIC, box=box))


DUPLICATES = (_recolored, _shifted, None)  # None: JPEG of quality 30.
OUTLIERS = (_noise, _stripes, _gradient, _blocks)
MISALIGNED = (_rotated, _moved, _scaled, _upside_down)


def plant(folder: pathlib.Path, num: int, seed: int = 0) -> None:
    """Writes `folder/pictures` and `folder/planted.json`."""
    pictures, planted = folder / "pictures", collections.defaultdict(dict)
    pictures.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for first in range(0, num, 100):
        for index, face in enumerate(_faces(seed, first, min(100, num - first))):
            Image.fromarray(face).save(pictures / f"{first + index:06}.png")

    def face(index):
        return np.asarray(Image.open(pictures / f"{index:06}.png"))

    share = num / 5000
    chosen = rng.permutation(num)
    num_copies, num_others = round(200 * share), round(50 * share)
    for k, index in enumerate(chosen[:num_copies]):
        change = DUPLICATES[k % len(DUPLICATES)]
        name = f"copy_{k:04}.{'png' if change else 'jpg'}"
        image = Image.fromarray(change(face(index), rng) if change else face(index))
        image.save(pictures / name, **({} if change else {"quality": 30}))
        planted["duplicate"][name] = f"{index:06}.png"
    for k in range(num_others):
        make = OUTLIERS[k % len(OUTLIERS)]
        Image.fromarray(make(rng)).save(pictures / f"other_{k:04}.png")
        planted["outlier"][f"other_{k:04}.png"] = make.__name__
        # Misaligned pictures are people of their own, not copies of those that stay.
        move, index = MISALIGNED[k % len(MISALIGNED)], chosen[num_copies + k]
        name = f"{index:06}.png"
        Image.fromarray(move(face(index), rng)).save(pictures / name)
        planted["misaligned"][name] = move.__name__
    (folder / "planted.json").write_text(json.dumps(planted, indent=1))


def _faces(seed, first, num):
    """Renderings as 8-bit pictures."""
    import jax

    faces = rendered.source(jax.random.fold_in(jax.random.key(seed), first), SIDE)
    batch = np.concatenate(
        [np.asarray(faces(step, 20)) for step in range(-(-num // 20))]
    )
    return np.round((batch[:num].clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def judge(folder: pathlib.Path, table: pathlib.Path) -> dict:
    """What was found of what was planted, and the false alarms among the others."""
    planted = json.loads((folder / "planted.json").read_text())
    lines = csv.DictReader(table.read_text().splitlines())
    reasons = {pathlib.PurePath(row["file"]).name: row["reasons"] for row in lines}
    others = set(reasons) - {name for names in planted.values() for name in names}
    others -= set(planted["duplicate"].values())
    result = {}
    for reason, names in planted.items():
        # Either of two near-duplicates may be the one that is kept.
        twins = planted["duplicate"] if reason == "duplicate" else {}
        missed = [
            name
            for name in names
            if reason not in reasons[name] + " " + reasons.get(twins.get(name), "")
        ]
        false = sorted(name for name in others if reason in reasons[name])
        result[reason] = {
            "planted": len(names),
            "found": len(names) - len(missed),
            "false_alarms": len(false) / len(others),
            "missed": missed[:10],
            "alarmed": false[:10],
        }
    return result


def main() -> None:
    """Plants, or judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--num", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", type=pathlib.Path)
    options = parser.parse_args()
    if options.judge:
        found = judge(options.folder, options.judge)
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        plant(options.folder, options.num, options.seed)


if __name__ == "__main__":
    main()
