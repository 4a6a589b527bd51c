"""Workers fill a corpus: each picture once, whoever works, stops or comes back."""

import collections
import concurrent.futures
import hashlib
import json

import numpy as np
import pytest

from experiments.corpus import (
    claims,
    corpus_reports,
    entry,
    layout,
    network_session,
    planning,
)
from experiments.launch import signals
from experiments.runs import settings as settings_lib
from experiments.sharing import leases
from experiments.stores import stores, tables
from jax_encoder.io import files, images
from tests.experiments.corpus import small, stub


def _ids(corpus):
    rows = [
        row for t in stores.read(corpus.root).batches(["id"]) for row in t.to_pylist()
    ]
    return [row["id"] for row in rows]


def _codes(corpus):
    found = {}
    for rows, values, index in stores.read(corpus.root).codes():
        ids = rows.column("id").to_pylist()
        found |= {ids[k]: value for k, value in zip(index, values, strict=True)}
    return found


def _bytes(corpus):
    return {k: corpus.path(k).read_bytes() for k in sorted(corpus.done())}


def test_shares_of_static_workers_make_the_whole(tmp_path):
    corpus = small.make(tmp_path / "c")
    for index in range(2):
        own = claims.share(corpus.todo(), index, 2)
        small.worker(corpus).run(claims.Listed(own))
    assert _ids(corpus) == [f"p{k:03d}" for k in range(20)]
    np.testing.assert_array_equal(
        _codes(corpus)["p007"].reshape(-1), stub.code("p007").astype(np.float16)
    )
    session = stub.StubSession()
    small.worker(corpus, session).run(claims.Listed(corpus.todo()))
    assert not session.sizes  # Nothing is computed twice.


def test_batches_are_filled_up_to_one_size(tmp_path):
    corpus = small.make(tmp_path / "c", num=10, shard_size=10)
    session = stub.StubSession(batch_size=4)
    small.worker(corpus, session).run(claims.Listed(corpus.todo()))
    assert session.sizes == [4, 4, 4]


def test_a_failed_picture_is_a_row_and_can_be_retried_alone(tmp_path):
    corpus = small.make(tmp_path / "c")
    load = stub.failing("p003", "p019")
    small.worker(corpus, load=load).run(claims.Listed(corpus.todo()))
    status = corpus_reports.CorpusStatus.of(corpus)
    assert status.is_complete
    assert dict(status.reasons) == {"no such file; check the source": 2}
    assert "2 of them failed" in status.sentence()
    assert layout.with_failures(corpus) == [0, 2]

    session = stub.StubSession()
    worker = small.worker(corpus, session, load=stub.failing("p019"), is_retry=True)
    worker.run(claims.Listed(layout.with_failures(corpus)))
    assert session.encoded == ["p003"]
    assert _ids(corpus) == [f"p{k:03d}" for k in range(20)]
    assert corpus_reports.CorpusStatus.of(corpus).num_failed == 1
    small.worker(corpus, is_retry=True).run(claims.Listed([2]))
    whole = small.make(tmp_path / "whole")
    small.worker(whole).run(claims.Listed(whole.todo()))
    assert _bytes(corpus) == _bytes(whole)


def test_a_worker_that_is_stopped_keeps_what_it_has(tmp_path, monkeypatch):
    corpus = small.make(tmp_path / "c")
    session = stub.StubSession()

    def check():
        if len(session.sizes) == 3:
            raise signals.Stopped(15)

    monkeypatch.setattr(signals, "check", check)
    with pytest.raises(signals.Stopped):
        small.worker(corpus, session).run(claims.Listed(corpus.todo()))
    monkeypatch.undo()
    assert corpus.done() == {0}
    assert corpus.path(1, layout.PARTIAL).is_file()
    again = stub.StubSession()
    small.worker(corpus, again).run(claims.Listed(corpus.todo()))
    counts = collections.Counter(session.encoded + again.encoded)
    assert set(counts.values()) == {1}
    assert layout.sweep(corpus) == 0
    assert not (corpus.root / layout.PARTIAL).exists()


def test_leased_workers_share_and_leave_nothing(tmp_path):
    corpus = small.make(tmp_path / "c", num=64)
    sessions = [stub.StubSession(pause=0.002) for _ in range(2)]
    held = [leases.Leases(corpus.root / layout.LEASES, owner=n) for n in "ab"]
    with held[0], held[1]:
        both = [claims.Leased(corpus, one) for one in held]
        taken = [one.next(waits=False) for one in both]
        assert len(set(taken)) == 2
        for one, shard in zip(both, taken, strict=True):
            one.finish(shard)
        for session, one in zip(sessions, both, strict=True):
            small.worker(corpus, session).run(one)
    assert sorted(_ids(corpus)) == [f"p{k:03d}" for k in range(64)]
    layout.sweep(corpus)
    names = {p.name for p in corpus.root.iterdir()}
    assert names == {"corpus.json", "manifest.parquet", "logs", "shards"}


def test_other_settings_are_refused_in_words(tmp_path):
    small.make(tmp_path / "c", settings={"preset": "fast", "seed": 0})
    with pytest.raises(
        settings_lib.SettingsError, match="preset: fast then, encoder now"
    ):
        small.make(tmp_path / "c", settings={"preset": "encoder", "seed": 0})


@pytest.mark.parametrize("part", ["start", "middle", "end", "empty", "short"])
def test_a_damaged_shard_is_found_and_done_again(tmp_path, part):
    corpus = small.make(tmp_path / "c")
    small.worker(corpus).run(claims.Listed(corpus.todo()))
    before, path = _bytes(corpus), corpus.path(1)
    content = bytearray(path.read_bytes())
    place = {"start": 2, "middle": len(content) // 3, "end": len(content) - 3}.get(part)
    if place is None:
        content = content[: len(content) // 2 if part == "short" else 0]
    else:
        content[place] ^= 0x55
    path.write_bytes(content)
    faults = layout.damaged(corpus, sorted(corpus.done()))
    assert list(faults) == [1], faults
    path.unlink()
    small.worker(corpus).run(claims.Listed(corpus.todo()))
    assert _bytes(corpus) == before


def test_shards_of_other_settings_count_as_damaged(tmp_path):
    corpus, other = (
        small.make(tmp_path / "c"),
        small.make(tmp_path / "d", settings={"s": 1}),
    )
    for one in (corpus, other):
        small.worker(one).run(claims.Listed(one.todo()))
    corpus.path(1).write_bytes(other.path(1).read_bytes())
    assert "other settings" in layout.damaged(corpus, [0, 1])[1]


def test_a_full_disk_is_a_sentence_and_costs_one_shard(tmp_path, monkeypatch):
    corpus = small.make(tmp_path / "c")
    write = tables.write

    def full(path, rows):
        if path.name == "000001.parquet":
            raise files.explain(path, OSError(28, "No space left on device"))
        write(path, rows)

    monkeypatch.setattr(tables, "write", full)
    held = leases.Leases(corpus.root / layout.LEASES)
    with held, pytest.raises(files.WriteError, match="the disk is full"):
        small.worker(corpus).run(claims.Leased(corpus, held))
    monkeypatch.undo()
    assert 1 in corpus.todo()
    assert not leases.are_held(corpus.root / layout.LEASES)
    small.worker(corpus).run(claims.Listed(corpus.todo()))
    assert len(set(_ids(corpus))) == 20


def test_zarr_holds_what_parquet_holds(tmp_path):
    kind = tables.RowLayout(num_ws=3, w_dim=8, measures=("psnr",), has_codes=False)
    plain = small.make(tmp_path / "plain", num=40, shard_size=16)
    zarr = small.make(tmp_path / "zarr", num=40, shard_size=16, kind=kind)
    load = stub.failing("p002")
    small.worker(plain, load=load).run(claims.Listed(plain.todo()))
    small.worker(zarr, stub.StubSession(layout=kind), load=load).run(
        claims.Listed(zarr.todo())
    )
    one, two = _codes(plain), _codes(zarr)
    assert one.keys() == two.keys()
    assert len(one) == 39
    assert all((one[name] == two[name]).all() for name in one)


def test_logs_and_metrics_tell_what_was_done(tmp_path):
    corpus = small.make(tmp_path / "c")
    small.worker(corpus).run(claims.Listed(corpus.todo()[:2]))
    lines = (corpus.root / layout.LOGS / "w.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [e["event"] for e in events] == ["start", "shard", "shard", "end"]
    assert sum(e.get("pictures", 0) for e in events) == 16
    status = corpus_reports.CorpusStatus.of(corpus)
    assert "1 of 3 shards are missing" in status.sentence()
    corpus_reports.write_metrics(corpus, status)
    text = (corpus.root / corpus_reports.METRICS).read_text()
    assert "jax_encoder_corpus_pictures_done{" in text
    assert text.count("# TYPE") == 7


def test_of_two_leaders_at_once_one_lists_and_both_go_on(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: small.make(tmp_path / "c"), range(4)))
    assert len({corpus.manifest.digest for corpus in found}) == 1
    assert len({corpus.config for corpus in found}) == 1
    assert not list((tmp_path / "c").glob(".*"))


def test_a_store_that_is_read_only_is_a_sentence(tmp_path, monkeypatch):
    corpus = small.make(tmp_path / "c")
    small.worker(corpus).run(claims.Listed([0]))
    before = _bytes(corpus)

    def refuse(path, *_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(leases.os, "open", refuse)
    held = leases.Leases(corpus.root / layout.LEASES)
    with held, pytest.raises(files.WriteError, match="mounted read-only"):
        small.worker(corpus).run(claims.Leased(corpus, held))
    monkeypatch.undo()
    assert _bytes(corpus) == before


def test_a_dry_run_measures_a_shard_and_writes_nothing(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    for k in range(6):
        images.write(photos / f"{k}.png", np.zeros((2, 2, 3)))
    session = stub.StubSession(batch_size=2, pause=0.01)
    monkeypatch.setattr(network_session, "make", lambda plan, corpus: session)
    arguments = [f"--images={photos}", f"--output_dir={tmp_path}/c"]
    plan = entry.parse([*arguments, "--shard_size=4", "--workers=2"])
    text = planning.describe(plan)
    assert "6 pictures in 2 shards of 4" in text
    assert "measured on 2 pictures of one shard" in text  # The first batch compiles.
    assert session.encoded == ["0", "1", "2", "3"]
    assert not plan.output.exists()


def test_another_copy_of_a_damaged_file_is_welcome(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    images.write(photos / "good.png", np.zeros((2, 2, 3)))
    (photos / "broken.png").write_bytes(b"no picture")
    corpus = layout.prepare(
        tmp_path / "c", {}, [str(photos)], shard_size=8, hashes=True, about={}
    )
    worker = small.worker(corpus, load=None)
    worker.run(claims.Listed(corpus.todo()))
    assert layout.failures(corpus, 0) == ["broken"]
    images.write(photos / "broken.png", np.ones((2, 2, 3)))
    worker = small.worker(corpus, load=None, is_retry=True)
    worker.run(claims.Listed([0]))
    assert not layout.failures(corpus, 0)
    rows = stores.read(corpus.root).batches(["id", "sha256", "bytes"])
    (row,) = [r for t in rows for r in t.to_pylist() if r["id"] == "broken"]
    content = (photos / "broken.png").read_bytes()
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert row["bytes"] == len(content)


def test_a_holder_that_died_is_called_so(tmp_path):
    corpus = small.make(tmp_path / "c")
    content = {"owner": "w", "machine": leases.machine(), "process": 1 << 30}
    path = corpus.root / layout.LEASES / "000001.lease"
    path.write_text(json.dumps({**content, "born": "1"}))
    assert "hold shards: w (dead)" in corpus_reports.CorpusStatus.of(corpus).text()
