"""Visits see nothing of each other, and end."""

import pathlib

import numpy as np
import pytest

from experiments.editing.code_sets import Code
from experiments.studio_page import safety, visits
from experiments.studio_page.tray import TrayEntry


@pytest.fixture
def clock():
    return {"now": 0.0}


@pytest.fixture
def some(clock):
    limits = safety.VisitorLimits(
        max_visits=2, max_codes=2, idle_seconds=100.0, grace_seconds=10.0
    )
    found = visits.Visits(limits, "demo", clock=lambda: clock["now"])
    yield found
    found.close()


def _entry(name):
    code = Code(name=name, value=np.zeros((2, 3), np.float32), space="w+")
    return TrayEntry(
        code=code, picture=np.zeros((4, 4, 3), np.uint8), generator_sha256="x"
    )


def test_visits_are_apart(some):
    one, other = some.begin(), some.begin()
    one.put(_entry("a"), some.limits)
    assert not other.entries
    assert one.id != other.id
    assert one.folder != other.folder


def test_there_are_so_many_and_no_more(some):
    some.begin()
    some.begin()
    with pytest.raises(safety.Refusal, match="2 places are taken"):
        some.begin()


def test_a_silent_visit_ends_and_its_files_are_gone(some, clock):
    ended = []
    some._on_end = ended.append
    visit = some.begin()
    (visit.folder / "picture.png").write_bytes(b"x")
    clock["now"] = 99.0
    assert some.find(visit.id) is visit  # a sign of life
    clock["now"] = 198.0
    some.sweep()
    assert some.find(visit.id) is visit
    clock["now"] = 299.0
    assert some.find(visit.id) is None
    some.sweep()
    assert ended == [visit]
    assert visit.is_over
    assert not visit.folder.exists()
    assert not len(some)


def test_a_closed_page_ends_the_visit_soon_unless_it_comes_back(some, clock):
    visit = some.begin()
    some.leave(visit)
    clock["now"] = 5.0
    assert some.find(visit.id) is visit
    some.leave(visit)
    clock["now"] = 16.0
    some.sweep()
    assert some.find(visit.id) is None


def test_unknown_cookies_find_nothing(some):
    some.begin()
    assert some.find("") is None
    assert some.find("guess") is None


def test_the_tray_has_unique_names_and_an_end(some):
    visit = some.begin()
    assert visit.put(_entry("a"), some.limits).name == "a"
    assert visit.put(_entry("a"), some.limits).name == "a-2"
    with pytest.raises(safety.Refusal, match="full"):
        visit.put(_entry("b"), some.limits)


def test_closing_leaves_nothing(clock):
    limits = safety.VisitorLimits()
    some = visits.Visits(limits, "demo", clock=lambda: clock["now"])
    folder = some.begin().folder
    some.close()
    assert not pathlib.Path(folder).exists()
    assert not folder.parent.exists()
