"""What reads a store: edits, directions, evaluation, merging, queries."""

import json

import numpy as np
import pytest

import jax_encoder
from experiments.comparing import store_pictures
from experiments.corpus import claims, layout, merging, query_report, querying
from experiments.editing import code_sets
from experiments.launch import command_line
from experiments.networks.resources import Source
from experiments.stores import code_loading, stores, tables
from jax_encoder.io import codes, images, loading
from tests.experiments import several, tiny
from tests.experiments.corpus import small, stub

KIND = tables.RowLayout(num_ws=4, w_dim=8, measures=("psnr",), attributes=("smile",))


class _Session(stub.StubSession):
    """Codes of the tiny generator, with an attribute."""

    def __init__(self, about, layout=KIND):
        super().__init__(layout=layout)
        self.about = self.about | about

    def encode(self, targets, ids):
        ws = np.stack([stub.code(name, 32) for name in ids]).reshape(-1, 4, 8)
        scores = np.array([[int(name[1:]) / 20] for name in ids])
        return stub.encoded(ws, scores)


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    place = tmp_path_factory.mktemp("generator")
    jax_encoder.io.save(tiny.make_generator(), place / "g")
    return str(place / "g")


def _fill(root, about, layout=KIND):
    corpus = small.make(root, num=20, shard_size=16, kind=layout)
    worker = small.worker(corpus, _Session(about, layout), load=stub.failing("p003"))
    worker.run(claims.Listed(corpus.todo()))
    return corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return _fill(tmp_path_factory.mktemp("corpus") / "c", {"generator_sha256": "77"})


@pytest.fixture(scope="module", params=["folder", "parquet", "zarr3"])
def store(request, corpus, tmp_path_factory):
    if request.param == "folder":
        return corpus.root
    ending = {"parquet": ".parquet", "zarr3": ""}[request.param]
    target = tmp_path_factory.mktemp("merged") / f"all{ending}"
    assert merging.merge(stores.read(corpus.root), target, request.param) == 20
    return target


def test_codes_come_out_of_every_kind(store):
    found = code_loading.load(store, num_ws=4)
    assert found.space == "w+"
    assert len(found.values) == 19
    assert "p003" not in found.names
    wanted = stub.code("p007", 32).astype(np.float16).reshape(4, 8)
    np.testing.assert_array_equal(found.values[found.names.index("p007")], wanted)
    np.testing.assert_allclose(found.arrays["attributes"][-1], [0.95])
    one = code_loading.load(f"{store}#p007", space="w")
    np.testing.assert_allclose(one.values, wanted.astype(np.float32).mean(0)[None])
    with pytest.raises(codes.CodeError, match="no picture 'p003' with a code"):
        code_loading.load(f"{store}#p003")
    with pytest.raises(codes.CodeError, match="4 rows per code"):
        code_loading.load(store, num_ws=10)


def test_edits_read_a_store(store, tmp_path):
    own = Source(network=tiny.make_generator(), path=tmp_path, sha256="77")
    found, refused = code_sets.read(f"{store}#p001,{store}#p002", own)
    assert [code.name for code in found] == ["p001", "p002"]
    assert not refused
    other = Source(network=tiny.make_generator(), path=tmp_path, sha256="78")
    with pytest.raises(command_line.Failure, match="a code of the generator 77"):
        code_sets.read(str(store), other)


def test_queries_find_what_holds(store):
    opened = stores.read(store)
    names = [f.name for f in opened.layout.schema({}) if f.name != "ws"]

    def ids(*texts):
        conditions = [querying.parse(text, names) for text in texts]
        return [row["id"] for row in querying.select(opened, conditions)]

    assert ids("status=failed") == ["p003"]
    assert ids("smile>=0.85", "verdict=good") == ["p017", "p018", "p019"]
    assert ids("smile<0.1", "id!=p000") == ["p001"]
    code = querying.code_of(opened, "p005")
    assert code is not None
    near = querying.nearest(opened, code, 3)
    assert near[0]["id"] == "p005"
    assert near[0]["distance"] == 0
    assert near[1]["distance"] <= near[2]["distance"]
    everyone = querying.nearest(opened, code, 99)
    assert [row["id"] for row in everyone[:3]] == [row["id"] for row in near]
    assert len(everyone) == 19
    only = [querying.parse("smile>0.9", names)]
    assert [row["id"] for row in querying.nearest(opened, code, 9, only)] == ["p019"]
    with pytest.raises(command_line.UsageError, match="the store has position"):
        querying.parse("age>3", names)
    with pytest.raises(command_line.UsageError, match="is no number"):
        querying.parse("psnr>good", names)


def test_reconstructions_are_drawn_for_an_evaluation(tmp_path, generator):
    about = {"generator": generator, "generator_sha256": "0"}
    corpus = _fill(tmp_path / "c", about)
    with pytest.raises(command_line.Failure, match="is another one"):
        store_pictures.write(stores.read(corpus.root), tmp_path / "r")
    digest = jax_encoder.io.bundles.read(generator).digest
    corpus = _fill(tmp_path / "d", about | {"generator_sha256": digest})
    pattern = store_pictures.write(stores.read(corpus.root), tmp_path / "r")
    found = images.find(pattern)
    assert len(found) == 19
    ws = stub.code("p000", 32).astype(np.float16).reshape(1, 4, 8)
    wanted = np.asarray(tiny.make_generator().synthesis(ws.astype(np.float32)))[0]
    difference = images.read(found[0]) - wanted.clip(-1, 1)
    assert np.abs(difference).max() < 0.01


def test_a_damaged_shard_is_named_by_who_joins(tmp_path):
    corpus = _fill(tmp_path / "c", {})
    path = corpus.path(1)
    path.write_bytes(path.read_bytes()[:-20])
    assert stores.is_store(corpus.root)
    with pytest.raises(loading.LoadError, match="000001.parquet: damaged"):
        merging.merge(stores.read(corpus.root), tmp_path / "x.parquet", "parquet")
    assert not (tmp_path / "x.parquet").exists()


def test_status_tells_machines_and_people(corpus, tmp_path):
    calls = [
        [f"--corpus={corpus.root}", "--json"],
        [f"--corpus={corpus.root}", f"--prometheus={tmp_path}/m.prom"],
        ["--corpus=nowhere"],
    ]
    first, second, third = several.call("corpus_status", calls, tmp_path)
    assert first[0] == 1  # One picture failed.
    told = json.loads(first[1])
    assert (told["num_done"], told["num_failed"], told["is_complete"]) == (20, 1, True)
    assert "1 failed: no such file" in second[1]
    assert "pictures_failed{" in (tmp_path / "m.prom").read_text()
    assert third[0] == 2
    assert layout.read(corpus.root).config == corpus.config


def test_a_table_has_a_head_and_columns(capsys):
    rows = [{"id": "anna", "psnr": 30.5}, {"id": "b", "psnr": None}]
    query_report.show(rows, "table")
    assert capsys.readouterr().out == "id    psnr\nanna  30.5\nb     -\n"
    query_report.show([], "table")
    assert capsys.readouterr().out == ""
