import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from jax_encoder.io import films, folders, images, plots


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.jpg", "c.webp"):
        Image.new("RGB", (4, 4), "red").save(tmp_path / name)
    return tmp_path


def used(listing):
    return [path.name for path in listing.paths]


def reasons(listing):
    return {path.name: reason for path, reason in listing.skipped.items()}


def test_what_we_write_is_left_out_wherever_it_lies(folder):
    picture = np.zeros((32, 32, 3), np.float32)
    images.write(folder / "grid.png", picture, is_report=True)
    plots.curves(folder / "losses.png", {"a": np.ones(3)})
    plots.histogram(folder / "h.png", {"a": np.ones(3)})
    films.write(folder / "f.gif", [picture, picture + 0.5])
    films.write(folder / "f.webp", [picture, picture + 0.5])
    images.write(folder / "result.png", picture)
    listing = folders.look(folder)
    assert used(listing) == ["a.jpg", "b.png", "c.webp", "result.png"]
    assert set(reasons(listing)) == {"grid.png", "losses.png", "h.png", *_FILMS}
    assert "5 a report or film of this package" in listing.account()
    (folder / "moved").mkdir()
    os.rename(folder / "grid.png", folder / "moved" / "mine.png")
    os.rename(folder / "result.png", folder / "moved" / "result.png")
    assert used(folders.look(folder / "moved")) == ["result.png"]
    assert used(folders.look(f"{folder}/**/*.png")) == ["b.png", "result.png"]
    assert used(folders.look(folder / "moved" / "mine.png")) == ["mine.png"]  # named


_FILMS = {"f.gif", "f.webp"}


def test_reports_of_older_versions_are_told_by_name(folder):
    for name in ("contact_sheet.png", "worst_and_best.png", "histogram_lpips.png"):
        Image.new("RGB", (4, 4)).save(folder / name)
    assert "worst_and_best.png" in used(folders.look(folder))  # perhaps a user's own
    (folder / "evaluation.json").write_text("{}")
    listing = folders.look(folder)
    assert used(listing) == ["a.jpg", "b.png", "c.webp"]
    assert len(reasons(listing)) == 4


def test_every_file_has_its_account(folder):
    Image.new("RGB", (4, 4)).save(folder / "bare", "PNG")
    for name in ("photo.tga", "raw.CR2", "notes.txt", "README"):
        (folder / name).write_bytes(b"some text")
    (folder / "iphone.heic").write_bytes(b"x")
    (folder / "dangling.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "sub").mkdir()
    Image.new("RGB", (4, 4)).save(folder / "sub" / "d.png")
    (folder / "empty").mkdir()
    (folder / ".hidden.png").write_bytes(b"")
    listing = folders.look(folder)
    assert used(listing) == ["a.jpg", "b.png", "bare", "c.webp", "iphone.heic"]
    assert reasons(listing) == {
        "photo.tga": ".tga is not read, save it as PNG",
        "raw.CR2": ".cr2 is not read, save it as PNG",
        "notes.txt": "no picture",
        "README": "no picture",
        "dangling.png": "a link to nothing",
        "pipe.png": "not a file",
        "sub": "a sub-folder, read by a pattern with **",
    }
    assert [row["status"] for row in listing.skipped_rows()] == ["skipped"] * 7
    assert "2 no picture (README, notes.txt)" in listing.account()


def test_nothing_to_read_says_what_there_is(tmp_path):
    with pytest.raises(ValueError, match="No pictures in .*in quotes"):
        folders.look(tmp_path)
    (tmp_path / "a.tga").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"No pictures in .*1 .tga is not read"):
        folders.look(tmp_path)
    with pytest.raises(ValueError, match="one of several letters"):
        folders.look(f"{tmp_path}/[0-9].png")


def test_brackets_in_a_folder_name(tmp_path):
    place = tmp_path / "set [2021]"
    place.mkdir()
    Image.new("RGB", (4, 4)).save(place / "a.png")
    listing = folders.look(f"{place}/*.png")
    assert used(listing) == ["a.png"]
    assert listing.root == place
    assert used(folders.look(f"{tmp_path}/set ?202[0-9]?/*.png")) == ["a.png"]


def test_places_below_the_pattern_are_kept(folder):
    for place in ("x", "y/z"):
        (folder / place).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(folder / place / "0.png")
    listing = folders.look(f"{folder}/**/0.png")
    assert listing.root == pathlib.Path(folder)
    assert list(listing.names().values()) == ["x/0", "y/z/0"]
    assert list(folders.look(f"{folder}/x/*.png").names().values()) == ["0"]


def test_a_link_to_a_folder_above_is_not_followed(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to("..")
    (folder / "other").mkdir()
    Image.new("RGB", (4, 4)).save(folder / "other" / "d.png")
    (folder / "linked").symlink_to("other")
    found = [str(p.relative_to(folder)) for p in folders.find(f"{folder}/**/*.png")]
    assert found == ["b.png", "linked/d.png", "other/d.png"]


def test_a_name_that_is_no_unicode(tmp_path):
    path = pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/x\xff.png"))
    Image.new("RGB", (4, 4)).save(path)
    listing = folders.look(tmp_path)
    assert list(listing.names().values()) == ["x%FF"]
    assert images.read(path).shape == (4, 4, 3)
    listing.account().encode()
