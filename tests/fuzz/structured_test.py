"""The grammars write files that readers follow far, and none is a finding."""

import pathlib

import pytest

from fuzz import edits, grammars, readers, seeds, structured


@pytest.mark.parametrize("name", grammars.GRAMMARS)
def test_no_file_of_a_grammar_is_a_finding(name):
    outcomes = [structured.attempt(grammars.make(name, seed)) for seed in range(150)]
    assert set(outcomes) <= {"accepted", "refused"}, [o for o in outcomes if len(o) > 8]
    assert "refused" in outcomes


def test_some_are_accepted():
    """A grammar whose files are all refused at once would find nothing."""
    draws = (grammars.make(n, s) for n in grammars.GRAMMARS for s in range(60))
    assert sum(map(readers.check, draws)) > 10


def test_draws_depend_on_their_seed_only():
    assert grammars.make("pickle", 3) == grammars.make("pickle", 3)
    assert len({grammars.make("pickle", seed) for seed in range(20)}) > 15


def test_a_finding_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "check", lambda content: 1 / 0)
    counts, found = structured.run(0.01, folder=tmp_path)
    assert set(counts) == {f"{name} raised" for name in grammars.GRAMMARS}
    assert pathlib.Path(tmp_path / found[0]).read_bytes() == grammars.make("pickle", 0)
    assert "ZeroDivisionError" in (tmp_path / f"{found[0]}.txt").read_text()


def test_findings_join_the_seeds():
    found = seeds.small_findings()
    assert len(found) >= 8
    assert not any(readers.check(content) for content in found.values())


def test_edits_reach_every_value():
    tree = {"a": 1, "b": [2, {"c": 3}]}
    assert len(list(edits.paths(tree))) == 5
    changed = [edited for _, edited in edits.edits(tree, 60)]
    assert all(edited != tree or repr(edited) != repr(tree) for edited in changed)
    assert tree == {"a": 1, "b": [2, {"c": 3}]}
