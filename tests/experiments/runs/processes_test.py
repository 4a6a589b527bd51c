"""Processes share a run: each takes what is free, and none waits for another."""

import concurrent.futures
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from experiments.launch import command_line
from experiments.runs import batches, jobs, process_flags, saved_files
from jax_encoder.io import codes, images
from tests.experiments import tiny, toy_engine


def _start(place, output, *arguments):
    folders = (f"--images={place}/photos", f"--output_dir={place}/{output}")
    options = ("--batch_size=2", "--iterations=20")
    return tiny.start_encoding(place, *folders, *options, *arguments)


def _finish(process):
    stdout, stderr = process.communicate(timeout=300)
    return process.returncode, stdout, stderr


def test_two_processes_do_what_one_does(tmp_path):
    tiny.save(tmp_path)
    photos = tiny.write_pictures(tmp_path / "photos", "abcd")
    (photos / "e.png").write_bytes(b"no picture")
    assert _finish(_start(tmp_path, "alone"))[0] == 1  # e is no picture

    running = [_start(tmp_path, "together", "--resume") for _ in range(2)]
    try:
        (first, said, errors), (second, others, more) = map(_finish, running)
    finally:
        for process in running:
            process.kill()
    assert (first, second) == (1, 1), errors + more
    # The last one tells of all; which it is nobody knows before.
    assert ["4 of 5 pictures inverted" in text for text in (said, others)].count(True)

    summaries = [
        json.loads((tmp_path / name / "summary.json").read_text())["pictures"]
        for name in ("alone", "together")
    ]
    alone, together = (
        [(row["name"], row["status"], row.get("reason")) for row in rows]
        for rows in summaries
    )
    assert together == alone
    for name in "abcd":
        one, two = (
            codes.load(tmp_path / output / f"{name}.npz").values
            for output in ("alone", "together")
        )
        np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)
    left = {path.name for path in (tmp_path / "together").rglob("*")}
    assert not [name for name in left if name.endswith((".lease", ".lock"))]


def test_half_a_set_of_flags_is_refused(tmp_path):
    flags.FLAGS.mark_as_parsed()
    job = jobs.InversionJob(paths=(), output=tmp_path)
    with (
        flagsaver.flagsaver(num_processes=2, process_id=None),
        pytest.raises(command_line.UsageError, match="go together"),
    ):
        process_flags.fit(job)
    with flagsaver.flagsaver(num_processes=2, process_id=1):
        assert process_flags.fit(job).options.resume
    assert process_flags.fit(job) == job


_WORKER = """
import pathlib, sys
from experiments.runs import batches
from tests.experiments import toy_engine
from jax_encoder.io import images
engine = toy_engine.ToyEngine(num_steps=40, chunk=1, pause=0.01)
options = batches.BatchOptions(batch_size=2, resume=True)
print("ready", flush=True)
batches.invert(images.find(sys.argv[1]), pathlib.Path(sys.argv[2]), engine, options)
"""


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    draw = np.random.default_rng(0)
    side = toy_engine.SIDE
    for k in range(9):
        pixels = draw.integers(0, 256, (side, side, 3), np.uint8)
        images.write(folder / f"{k}.png", pixels)
    return folder


def _begin(photos, output):
    command = [sys.executable, "-c", _WORKER, str(photos), str(output)]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )


def test_the_share_of_a_killed_process_is_taken_over(photos, tmp_path):
    output = tmp_path / "out"
    running = [_begin(photos, output) for _ in range(2)]
    for process in running:
        process.stdout.readline()
    deadline = time.monotonic() + 60
    while len(list(output.glob("*.npz"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    running[0].kill()
    told = [process.communicate(timeout=120)[1].decode() for process in running]
    assert [process.returncode for process in running] == [-9, 0], told
    calm = toy_engine.ToyEngine(num_steps=40, chunk=1)
    options = batches.BatchOptions(batch_size=2)
    rows = batches.invert(images.find(photos), tmp_path / "calm", calm, options)
    for row in rows:
        one, two = (tmp_path / k / f"{row['name']}.npy" for k in ("out", "calm"))
        assert one.read_bytes() == two.read_bytes()
    lists = [p.read_text().splitlines() for p in output.glob(".resume/*.jsonl")]
    done = [json.loads(line)["name"] for lines in lists for line in lines[1:]]
    assert sorted(done) == sorted(row["name"] for row in rows)  # Each once.
    engine = toy_engine.ToyEngine(num_steps=40, chunk=1)
    options = batches.BatchOptions(batch_size=2, resume=True)
    again = batches.invert(images.find(photos), output, engine, options)
    assert [row["name"] for row in again] == [row["name"] for row in rows]
    assert engine.sizes == []  # Nothing is computed twice.
    names = {path.name for path in (output / ".resume").rglob("*")}
    assert names <= {"pictures.jsonl", "leases"}
    assert not (output / ".resume.lock").exists()


def test_finished_sources_are_not_read_again(photos, tmp_path, monkeypatch):
    options = batches.BatchOptions(batch_size=4, resume=True)
    paths = images.find(photos)
    batches.invert(paths, tmp_path / "out", toy_engine.ToyEngine(), options)
    digested = []
    monkeypatch.setattr(saved_files.files, "sha256", digested.append)
    engine = toy_engine.ToyEngine()
    batches.invert(paths, tmp_path / "out", engine, options)
    assert (engine.sizes, digested) == ([], [])


def test_a_process_with_other_settings_is_refused(photos, tmp_path):
    paths, output = images.find(photos), tmp_path / "out"
    slow = toy_engine.ToyEngine(num_steps=12, chunk=1, pause=0.1)
    options = batches.BatchOptions(batch_size=9)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(batches.invert, paths, output, slow, options)
        while not list(output.glob(".resume/batch.npz")) and not running.done():
            time.sleep(0.02)
        for told, more in (("num_steps", "resume"), ("at work", "overwrite")):
            options = batches.BatchOptions(batch_size=2, **{more: True})
            with pytest.raises(ValueError, match=told):
                batches.invert(paths, output, toy_engine.ToyEngine(), options)
    assert {row["status"] for row in running.result()} == {"ok"}
    assert slow.sizes == [9]
