"""Three hundred pictures of every kind in one run: all accounted for, memory flat."""

import io
import itertools
import os
import pathlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from experiments.runs import batches, reports
from jax_encoder.io import films, folders, images, progress
from tests.experiments import toy_engine

_WORDS = [
    "face",
    "лицо",
    "顔",
    "얼굴",
    "πρόσωπο",
    "چهره",
    "चेहरा",
    "หน้า",
    "ü e\u0301",
    "🙂",
]
_SIZE = (48, 36)


def _picture(rng, mode="RGB"):
    pixels = rng.integers(0, 256, (_SIZE[1], _SIZE[0], 4), np.uint8)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return Image.fromarray(pixels, "RGBA").convert(mode)


def _save(picture, path, **options):
    picture.save(path, **options)


def _turned(orientation):
    def make(rng, path):
        exif = Image.Exif()
        exif[0x0112] = orientation
        _save(_picture(rng), path, exif=exif)

    return make


def _plain(mode, **options):
    return lambda rng, path: _save(_picture(rng, mode), path, **options)


def _animated(rng, path):
    _save(_picture(rng), path, save_all=True, append_images=[_picture(rng)])


def _heic(rng, path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(_picture(rng)).save(path)


def _profiled(rng, path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    _save(_picture(rng), path, icc_profile=profile)


def _cut(rng, path):
    _save(_picture(rng), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


GOOD = {
    "gray.png": _plain("L"),
    "gray_alpha.png": _plain("LA"),
    "color.png": _plain("RGB"),
    "alpha.png": _plain("RGBA"),
    "palette.png": _plain("P"),
    "hole.gif": _plain("P", transparency=0),
    "one_bit.png": _plain("1"),
    "deep.png": _plain("I;16"),
    "deep_hole.png": _plain("I;16", transparency=257),
    "deep.tif": _plain("I;16"),
    "cmyk.jpg": _plain("CMYK"),
    "progressive.jpeg": _plain("RGB", progressive=True),
    **{f"turned{k}.jpg": _turned(k) for k in range(1, 9)},
    "animated.gif": _animated,
    "animated.webp": _animated,
    "still.webp": _plain("RGBA"),
    "modern.avif": _plain("RGB"),
    "phone.heic": _heic,
    "profile.png": _profiled,
    "bitmap.bmp": _plain("RGB"),
    "map.ppm": _plain("RGB"),
    "tiny.png": lambda rng, path: _save(Image.new("RGB", (1, 1), "red"), path),
    "long.png": lambda rng, path: _save(Image.new("L", (256, 40_000), 9), path),
}
BAD = {
    "cut.png": _cut,
    "empty.jpg": lambda rng, path: path.write_bytes(b""),
    "page.png": lambda rng, path: path.write_bytes(b"<html>not found</html>"),
}
LEFT_OUT = {
    "notes.txt": lambda rng, path: path.write_bytes(b"notes"),
    "old.tga": lambda rng, path: path.write_bytes(b"x" * 30),
    "gone.png": lambda rng, path: path.symlink_to("nowhere"),
    "contact.png": lambda rng, path: images.write(
        path, np.zeros((20, 20, 3)), is_report=True
    ),
    "film.gif": lambda rng, path: films.write(path, [np.zeros((8, 8, 3))] * 2),
}


def _fill(folder, num):
    """Writes pictures of all kinds in turn, under names in all scripts."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    kinds = itertools.cycle([*GOOD.items(), *BAD.items()])
    expected = {}
    for index, (name, make) in zip(range(num), kinds, strict=False):
        path = folder / f"{index:03} {_WORDS[index % len(_WORDS)]} {name}"
        make(rng, path)
        expected[path] = "ok" if name in GOOD else "failed"
    for name, make in LEFT_OUT.items():
        make(rng, folder / name)
    return expected


def _resident():
    """Megabytes of this process in memory."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Watched(toy_engine.ToyEngine):
    """Notes the memory after every batch."""

    sizes: list[float] = []

    def finish(self, targets, state, num):
        Watched.sizes.append(_resident())
        return super().finish(targets, state, num)


def _run(tmp_path, num):
    expected = _fill(tmp_path / "photos", num)
    listing = folders.look(tmp_path / "photos")
    output = tmp_path / "out"
    rows = batches.invert(
        listing.paths,
        output,
        Watched(num_steps=3, chunk=3),
        batches.BatchOptions(batch_size=8),
        progress.Progress(num, stream=io.StringIO()),
        named=listing.names(),
    )
    found = {pathlib.Path(row["file"]): row["status"] for row in rows}
    assert found == expected
    assert all(row["reason"] for row in rows if row["status"] == "failed")
    skipped = {path.name for path in listing.skipped}
    assert skipped == set(LEFT_OUT)
    about = {"skipped": listing.skipped_rows()}
    summary = reports.write_summary(output, rows, about)
    assert summary["num_ok"] + summary["num_failed"] == num
    assert len(list(output.glob("*.npz"))) == summary["num_ok"]
    reports.write_contact_sheet(output, rows, lambda x: images.fit(x, toy_engine.SIDE))
    reports.write_loss_curves(output, rows)
    assert images.read(output / "loss_curves.png").std() > 0.05


def test_one_picture_of_every_kind(tmp_path):
    assert len(GOOD) + len(BAD) >= 26
    _run(tmp_path, len(GOOD) + len(BAD))


@pytest.mark.slow
def test_three_hundred_pictures(tmp_path):
    Watched.sizes = []
    _run(tmp_path, 300)
    third = len(Watched.sizes) // 3
    growth = max(Watched.sizes[-third:]) - max(Watched.sizes[:third])
    assert growth < 40, Watched.sizes
