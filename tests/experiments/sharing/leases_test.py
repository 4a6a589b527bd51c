"""A lease is one worker's until it is given back, falls silent, or its owner dies."""

import json
import multiprocessing
import os
import time

import pytest

from experiments.sharing import leases


@pytest.fixture
def pair(tmp_path):
    return [leases.Leases(tmp_path, seconds=0.3, owner=name) for name in "ab"]


def test_one_of_two_gets_it(pair):
    first, second = pair
    assert first.take(3)
    assert not second.take(3)
    assert not first.take(3)
    first.release(3)
    assert second.take(3)


def test_a_silent_one_is_taken_over_by_watching_not_by_clocks(pair, tmp_path):
    first, second = pair
    assert first.take(0)
    path = tmp_path / "000000.lease"
    for shift in (-3600, 3600):  # Whatever the clocks of disk and machine say.
        os.utime(path, (time.time() + shift, time.time() + shift))
        assert not second.take(0)
    time.sleep(0.4)
    assert second.take(0)
    first.release(0)  # It is no longer its own.
    assert json.loads(path.read_text())["owner"] == "b"


def test_one_that_is_touched_stays(pair):
    first, second = pair
    with first:
        assert first.take(0)
        for _ in range(5):
            time.sleep(0.1)
            assert not second.take(0)
    assert second.take(0)


def _take_and_die(folder):
    leases.Leases(folder, seconds=600).take(5)
    os._exit(9)


def test_that_of_a_process_that_died_here_is_taken_at_once(pair, tmp_path):
    process = multiprocessing.get_context("spawn").Process(
        target=_take_and_die, args=(tmp_path,)
    )
    process.start()
    process.join()
    slow = leases.Leases(tmp_path, seconds=600)
    assert slow.take(5)
    assert not list(tmp_path.glob(".*"))


def test_a_torn_one_expires(pair, tmp_path):
    (tmp_path / "000007.lease").write_bytes(b"")
    assert not pair[0].take(7)
    time.sleep(0.4)
    assert pair[0].take(7)
