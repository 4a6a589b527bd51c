import contextlib
import io
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import av
import numpy as np
import pytest
from PIL import Image

from experiments.launch import reporting
from experiments.runs import batches, filming, journal, reports
from jax_encoder.io import codes, files, images, progress
from tests.experiments import toy_engine

ToyEngine, SIDE = toy_engine.ToyEngine, toy_engine.SIDE


@pytest.fixture(autouse=True)
def _small_films(monkeypatch):
    monkeypatch.setattr(filming, "SIDE", SIDE)


@pytest.fixture
def photos(tmp_path):
    """A directory of five good pictures, a.png to e.png."""
    directory = tmp_path / "photos"
    directory.mkdir()
    rng = np.random.default_rng(0)
    for name in "abcde":
        picture = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(picture).save(directory / f"{name}.png")
    return directory


def quiet(num=5):
    return progress.Progress(num, stream=io.StringIO())


def invert(photos, output, engine=None, **options):
    paths = images.find(photos)
    options = batches.BatchOptions(**{"batch_size": 2, **options})
    return batches.invert(paths, output, engine or ToyEngine(), options, quiet())


def saved_codes(output):
    return {p.name: p.read_bytes() for p in sorted(output.glob("*.npy"))}


def visible(directory):
    return sorted(p.name for p in directory.iterdir() if not p.name.startswith("."))


def statuses(rows):
    return {pathlib.Path(row["file"]).name: row["status"] for row in rows}


def test_every_picture_gets_its_files(photos, tmp_path):
    engine = ToyEngine()
    rows = invert(photos, tmp_path / "out", engine)
    assert [row["name"] for row in rows] == list("abcde")
    assert {row["status"] for row in rows} == {"ok"}
    expected = [f"{n}.{e}" for n in "abcde" for e in ("npy", "npz", "png")]
    assert visible(tmp_path / "out") == sorted(expected)
    assert engine.sizes == [2, 2, 2]  # the last batch is padded, not smaller
    for row in rows:
        loaded = codes.load(tmp_path / "out" / f"{row['name']}.npz")
        assert loaded.metadata["measures"]["psnr"] == row["psnr"] > 20
        assert loaded.metadata["picture"] == f"{row['name']}.png"
        assert loaded.metadata["generator_sha256"] == "0" * 64
        assert loaded.arrays["losses"].shape == (10,)
        assert loaded.arrays["noise_00"].shape == (48,)
        bare = np.load(tmp_path / "out" / f"{row['name']}.npy")
        np.testing.assert_array_equal(bare, loaded.values[0])
        target = images.read(photos / f"{row['name']}.png")
        found = images.read(tmp_path / "out" / f"{row['name']}.png")
        assert np.abs(target - found).mean() < 0.1


def test_a_batch_is_never_larger_than_the_run(photos, tmp_path):
    engine = ToyEngine()
    invert(photos / "a.png", tmp_path / "out", engine, batch_size=8)
    assert engine.sizes == [1]


def test_the_batch_does_not_change_the_code(photos, tmp_path):
    for size in (1, 3, 8):
        invert(photos, tmp_path / str(size), batch_size=size)
    alone = saved_codes(tmp_path / "1")
    assert alone == saved_codes(tmp_path / "3") == saved_codes(tmp_path / "8")


def test_bad_pictures_are_named_and_the_others_inverted(photos, tmp_path):
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8))
    (photos / "unreadable.png").write_bytes(b"not a picture")
    noise.save(photos / "truncated.jpg")
    truncated = (photos / "truncated.jpg").read_bytes()[:-500]
    (photos / "truncated.jpg").write_bytes(truncated)
    noise.save(photos / "a.jpg")  # the stem of a.png
    noise.save(photos / "summary.png")
    noise.convert("CMYK").save(photos / "cmyk.jpg")
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(photos / "deep.png")
    palette = noise.quantize(8)
    palette.save(photos / "palette.png", transparency=bytes([0, 128] + [255] * 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    noise.save(photos / "rotated.jpg", exif=exif)
    Image.new("RGB", (1, 1), "red").save(photos / "tiny.png")
    Image.new("L", (5200, 3900), 99).save(photos / "large.jpg")
    rows = invert(photos, tmp_path / "out")
    good = ["cmyk.jpg", "deep.png", "palette.png", "rotated.jpg", "tiny.png"]
    good += ["large.jpg", "summary.png"]
    good += [f"{name}.png" for name in "abcde"] + ["a.jpg"]
    bad = {
        "unreadable.png": "not a picture I can read; save it as PNG or JPEG",
        "truncated.jpg": "truncated.*; get a whole copy of the file",
    }
    got = statuses(rows)
    assert got == {**dict.fromkeys(good, "ok"), **dict.fromkeys(bad, "failed")}
    reasons = {pathlib.Path(row["file"]).name: row.get("reason", "") for row in rows}
    for name, reason in bad.items():
        assert re.search(reason, reasons[name]), reasons[name]
    notes = {row["name"]: row.get("note") for row in rows}
    assert notes["tiny"] == "enlarged from 1x1 pixels"
    stems = {pathlib.Path(name).stem for name in good} - {"a", "summary"}
    stems |= {"a_png", "a_jpg", "summary_png"}
    assert {p.stem for p in (tmp_path / "out").glob("*.npz")} == stems


def test_a_diverging_picture_stops_alone(photos, tmp_path):
    first = images.read(photos / "b.png")
    engine = ToyEngine(diverges=lambda target: np.array_equal(target, first))
    rows = invert(photos, tmp_path / "out", engine)
    status = {row["name"]: row["status"] for row in rows}
    assert status == {"a": "ok", "b": "diverged", "c": "ok", "d": "ok", "e": "ok"}
    assert "NaN" in rows[1]["reason"]
    calm = invert(photos, tmp_path / "calm")
    assert (tmp_path / "out" / "a.npy").read_bytes() == (
        tmp_path / "calm" / "a.npy"
    ).read_bytes()
    assert calm[1]["status"] == "ok"


def test_a_start_that_is_not_finite_is_named(photos, tmp_path):
    class Broken(ToyEngine):
        def init(self, targets, names):
            state = super().init(targets, names)
            state["ws"][np.asarray(names) == "b"] = np.nan
            return state

    rows = invert(photos, tmp_path / "out", Broken())
    status = {row["name"]: row["status"] for row in rows}
    assert status == {"a": "ok", "b": "failed", "c": "ok", "d": "ok", "e": "ok"}
    assert "its start is not finite" in rows[1]["reason"]
    assert not list((tmp_path / "out").glob("b.*"))


def test_nothing_is_left_when_every_picture_is_bad(photos, tmp_path):
    for path in photos.iterdir():
        path.write_bytes(b"")
    rows = invert(photos, tmp_path / "out")
    assert [row["reason"] for row in rows] == ["empty; save it as PNG or JPEG"] * 5
    assert visible(tmp_path / "out") == []


def test_the_pictures_own_directory_is_refused(photos):
    with pytest.raises(ValueError, match="choose another output directory"):
        invert(photos, photos)


class Stop(Exception):
    pass


class Interrupted(ToyEngine):
    """Dies after so many chunks."""

    def __init__(self, num_chunks, **options):
        super().__init__(**options)
        self.num_left = num_chunks

    def iterate(self, targets, state):
        for result in super().iterate(targets, state):
            if self.num_left == 0:
                raise Stop
            self.num_left -= 1
            yield result


@pytest.mark.parametrize("num_chunks", [0, 4, 5, 7, 14])
def test_resume_gives_the_same_codes_and_redoes_one_chunk(photos, tmp_path, num_chunks):
    invert(photos, tmp_path / "whole", film=".gif")
    first = Interrupted(num_chunks)
    with pytest.raises(Stop):
        invert(photos, tmp_path / "out", first, film=".gif")
    second = ToyEngine()
    rows = invert(photos, tmp_path / "out", second, resume=True, film=".gif")
    assert {row["status"] for row in rows} == {"ok"}
    assert saved_codes(tmp_path / "out") == saved_codes(tmp_path / "whole")
    for path in (tmp_path / "whole").iterdir():
        if path.suffix in (".gif", ".png"):
            assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()
    assert len(first.chunks) + len(second.chunks) <= 15 + 1
    assert visible(tmp_path / "out") == visible(tmp_path / "whole")
    assert not (tmp_path / "out" / ".resume" / "batch.npz").exists()


def test_resume_of_a_finished_run_does_nothing(photos, tmp_path):
    before = invert(photos, tmp_path / "out")
    engine = ToyEngine()
    assert invert(photos, tmp_path / "out", engine, resume=True) == before
    assert engine.sizes == []


def test_resume_does_what_is_new_missing_or_changed(photos, tmp_path):
    invert(photos, tmp_path / "out")
    shutil.copy(photos / "a.png", photos / "b.png")
    shutil.copy(photos / "a.png", photos / "f.png")
    (tmp_path / "out" / "c.npz").unlink()
    engine = ToyEngine()
    rows = invert(photos, tmp_path / "out", engine, resume=True)
    assert len(rows) == 6
    assert engine.sizes == [2, 2]
    assert len({(tmp_path / "out" / f"{n}.npy").read_bytes() for n in "abf"}) == 1


def test_resume_with_other_settings_is_refused(photos, tmp_path):
    invert(photos, tmp_path / "out")
    with pytest.raises(journal.SettingsError, match="num_steps: 10 then, 12 now"):
        invert(photos, tmp_path / "out", ToyEngine(num_steps=12), resume=True)
    with pytest.raises(journal.SettingsError, match=r"out' holds 5 results of another"):
        invert(photos, tmp_path / "out", ToyEngine(num_steps=12))
    rows = invert(photos, tmp_path / "out", ToyEngine(num_steps=12), overwrite=True)
    assert {row["status"] for row in rows} == {"ok"}
    invert(photos, tmp_path / "out", ToyEngine(num_steps=12))  # the same run again


def test_results_of_other_pictures_are_not_mixed_in(photos, tmp_path):
    invert(photos, tmp_path / "out")
    (photos / "a.png").rename(photos / "f.png")
    with pytest.raises(
        journal.SettingsError, match=r"1 of other pictures, such as a\)"
    ):
        invert(photos, tmp_path / "out")
    assert (tmp_path / "out" / "a.npz").exists()
    invert(photos, tmp_path / "out", overwrite=True)
    assert {p.stem for p in (tmp_path / "out").glob("*.npz")} == set("bcdef")


def test_sub_folders_are_mirrored(photos, tmp_path):
    for place in ("x", "y/z"):
        (photos / place).mkdir(parents=True)
        shutil.copy(photos / "a.png", photos / place / "0.png")
    rows = invert(f"{photos}/**/0.png", tmp_path / "out", film=".gif")
    assert [row["name"] for row in rows] == ["x/0", "y/z/0"]
    found = {
        str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")
    }
    for end in ("npz", "npy", "png", "gif"):
        assert {f"x/0.{end}", f"y/z/0.{end}"} <= found
    engine = ToyEngine()
    again = invert(
        f"{photos}/**/0.png", tmp_path / "out", engine, resume=True, film=".gif"
    )
    assert again == rows
    assert engine.sizes == []


NAMES = [b"x\xff.png", b"a$\\frac$.png", b"_one.png", b"_two.png", "ü中文.png".encode()]
NAMES += ["e\u0301.png".encode(), b"a b.png", b"%s.png", b"{0}.png", b"-rf.png"]
NAMES += [b"line\nbreak.png", b"=1+1.png", b"a" * 240 + b".png"]


def test_names_of_every_kind_get_their_reports(photos, tmp_path):
    for name in NAMES:
        shutil.copy(photos / "a.png", os.fsencode(photos) + b"/" + name)
    for name in "abcde":
        (photos / f"{name}.png").unlink()
    output = tmp_path / "out"
    for resume in (False, True):
        rows = invert(photos, output, resume=resume)
        assert [row["status"] for row in rows] == ["ok"] * len(NAMES)
        reports.write_summary(output, rows, {})
        reports.write_contact_sheet(output, rows, lambda x: images.fit(x, SIDE))
        reports.write_loss_curves(output, rows)
        reports.write_loss_curves(output, rows[:6])  # few enough for a legend
    summary = json.loads((output / "summary.json").read_text())
    names = [row["name"] for row in summary["pictures"]]
    assert {"x%FF", "a$%5Cfrac$", "_one", "ü中文", "é", "line%0Abreak"} <= set(names)
    assert len(list(output.glob("*.npz"))) == len(NAMES)
    assert len((output / "summary.csv").read_text().splitlines()) == len(NAMES) + 1


def test_a_report_never_fails_a_finished_run(photos, tmp_path, capsys):
    def draw(output):
        raise RuntimeError("no ink")

    assert not reporting.attempt("sheet.png", draw, tmp_path)
    assert capsys.readouterr().err == "sheet.png is missing: no ink\n"
    assert reporting.attempt("sheet.png", lambda path: None, tmp_path)


def test_an_array_that_is_not_finite_fails_its_picture_only(photos, tmp_path):
    class Broken(ToyEngine):
        def finish(self, targets, state, num):
            outcome = super().finish(targets, state, num)
            outcome.arrays["noise_00"][0] = np.nan
            return outcome

    rows = invert(photos, tmp_path / "out", Broken())
    assert [row["status"] for row in rows] == ["failed", "ok", "failed", "ok", "failed"]
    assert "noise_00" in rows[0]["reason"]
    assert not list((tmp_path / "out").glob("a.*"))


def test_resume_survives_a_picture_that_vanished(photos, tmp_path):
    with pytest.raises(Stop):
        invert(photos, tmp_path / "out", Interrupted(2))
    (photos / "a.png").unlink()
    rows = invert(photos, tmp_path / "out", resume=True)
    assert statuses(rows) == {f"{n}.png": "ok" for n in "bcde"}


def test_a_torn_line_is_forgotten(photos, tmp_path):
    invert(photos, tmp_path / "out")
    lines = tmp_path / "out" / ".resume" / "pictures.jsonl"
    lines.write_bytes(lines.read_bytes()[:-20])
    engine = ToyEngine()
    rows = invert(photos, tmp_path / "out", engine, resume=True)
    assert len(rows) == 5
    assert engine.sizes == [2]
    assert all(map(json.loads, lines.read_text().splitlines()))


_KILLED = """
import pathlib, sys
from experiments.launch import reporting
from experiments.runs import batches, filming
from tests.experiments import toy_engine
from jax_encoder.io import images
filming.SIDE = 4
engine = toy_engine.ToyEngine(num_steps=40, chunk=1, pause=0.005)
options = batches.BatchOptions(batch_size=2, resume=True, film=".gif")
print("ready", flush=True)
batches.invert(images.find(sys.argv[1]), pathlib.Path(sys.argv[2]), engine, options)
"""


def test_killed_at_any_moment_it_ends_with_the_same_codes(photos, tmp_path):
    command = [sys.executable, "-c", _KILLED, str(photos), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    rng = np.random.default_rng(0)
    num_killed = 0
    for _ in range(2):
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0.05, 0.5))
            process.send_signal(signal.SIGKILL)
        num_killed += process.returncode == -signal.SIGKILL
        for path in (tmp_path / "out").glob("*.np[yz]"):  # whole or not there
            codes.load(path)
    assert num_killed > 0
    engine = ToyEngine(num_steps=40, chunk=1)
    rows = invert(photos, tmp_path / "out", engine, resume=True, film=".gif")
    invert(photos, tmp_path / "whole", ToyEngine(num_steps=40), film=".gif")
    assert {row["status"] for row in rows} == {"ok"}
    assert saved_codes(tmp_path / "out") == saved_codes(tmp_path / "whole")
    assert visible(tmp_path / "out") == visible(tmp_path / "whole")
    assert files.remove_leftovers(tmp_path / "out") == 0


def test_films_show_the_target_and_the_way(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(filming, "SIDE", 256)
    rows = invert(photos / "a.png", tmp_path / "out", film=".mp4", fps=5.0)
    assert rows[0]["status"] == "ok"
    with av.open(str(tmp_path / "out" / "a.mp4")) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    # The start, up to five chunks in which something moves, the last one held.
    assert 3 + 5 <= len(frames) <= 6 + 5
    assert frames[0].shape == (256 + 20, 512, 3)
    target = images.to_uint8(images.read(photos / "a.png")).repeat(64, 0).repeat(64, 1)
    assert np.abs(frames[-1][:256, :256].astype(int) - target).mean() < 6
    assert np.abs(frames[-1][:256, 256:].astype(int) - target).mean() < 20
    assert np.abs(frames[0][:256, 256:].astype(int) - 128).mean() < 6
    assert not (tmp_path / "out" / ".resume" / "frames").exists()


@contextlib.contextmanager
def size_limit(num_bytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_fails_pictures_not_the_run(photos, tmp_path):
    with size_limit(2500):  # smaller than a code, larger than a line of the journal
        rows = invert(photos, tmp_path / "out")
    assert {row["status"] for row in rows} == {"failed"}
    assert all("may write; raise the limit" in row["reason"] for row in rows)
    assert visible(tmp_path / "out") == []
    assert files.remove_leftovers(tmp_path / "out") == 0
    rows = invert(photos, tmp_path / "out", resume=True)
    assert {row["status"] for row in rows} == {"ok"}


def test_an_output_directory_that_cannot_be_made(photos, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(files.WriteError, match="choose another"):
        invert(photos, tmp_path / "file" / "out")


def test_reports(photos, tmp_path):
    (photos / "x.png").write_bytes(b"")
    output = tmp_path / "out"
    rows = invert(photos, output)
    summary = reports.write_summary(output, rows, {"preset": "toy"})
    assert summary == json.loads((output / "summary.json").read_text())
    assert (summary["num_pictures"], summary["num_ok"]) == (6, 5)
    assert summary["median"]["psnr"] == np.median([row["psnr"] for row in rows[:5]])
    assert summary["pictures"][5]["status"] == "failed"
    lines = (output / "summary.csv").read_text().splitlines()
    assert lines[0].startswith("name,file,status,psnr,lpips,seconds")
    assert len(lines) == 7
    reports.write_contact_sheet(output, rows, lambda x: images.fit(x, SIDE), "Toy")
    assert images.read(output / "contact_sheet.png").shape[0] > 5 * 160
    reports.write_loss_curves(output, rows, "Toy")
    assert images.read(output / "loss_curves.png").std() > 0.05


def test_captions():
    row = {"psnr": 31.24, "lpips": 0.1234, "name": "a"}
    assert reports.caption(row) == "LPIPS 0.123  PSNR 31.2 dB"
    assert reports.caption({"psnr": None}) == ""


def test_reports_without_any_good_picture(tmp_path):
    rows = [{"name": "a", "file": "a.png", "status": "failed", "reason": "empty"}]
    summary = reports.write_summary(tmp_path, rows, {})
    assert summary["num_ok"] == 0
    reports.write_contact_sheet(tmp_path, rows, lambda x: x)
    reports.write_loss_curves(tmp_path, rows)
    assert visible(tmp_path) == ["summary.csv", "summary.json"]
