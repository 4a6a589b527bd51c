"""Two processes share a run; each knows only its own devices."""

import json
import pathlib
import socket

import numpy as np
import pytest

from experiments.launch import command_line
from experiments.runs import processes
from jax_encoder.io import codes
from tests.experiments import tiny


def _free_port():
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return server.getsockname()[1]


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

    shared = [f"--coordinator=localhost:{_free_port()}", "--num_processes=2"]
    running = [
        _start(tmp_path, "together", *shared, f"--process_id={index}")
        for index in range(2)
    ]
    try:
        (first, said, errors), (second, others, more) = map(_finish, running)
    finally:
        for process in running:
            process.kill()
    assert (first, second) == (1, 1), errors + more
    assert "4 of 5 pictures inverted" in said
    assert "inverted" not in others

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
    assert not list((tmp_path / "together").glob(".rows*"))


def test_pictures_are_dealt_out_in_turn(monkeypatch):
    paths = [pathlib.Path(name) for name in ("a.png", "b.png", "a.jpg", "c.png")]
    monkeypatch.setattr(processes.jax, "process_count", lambda: 2)
    shares = []
    for index in range(2):
        monkeypatch.setattr(processes.jax, "process_index", lambda index=index: index)
        shares.append([path.name for path in processes.share(paths)])
    assert shares == [["a.png", "a.jpg"], ["b.png", "c.png"]]


def test_half_a_set_of_flags_is_refused():
    with pytest.raises(command_line.UsageError, match="need --coordinator"):
        processes.join("localhost:1", 2, None)
    processes.join(None, None, None)
