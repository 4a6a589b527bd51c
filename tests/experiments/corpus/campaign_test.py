"""Campaigns: thousands of pictures, workers that are killed. `make test-corpus`.

`JAX_ENCODER_CAMPAIGN=200,8` makes them smaller: pictures and kills, which are spread
over the work.
"""

import os

import pytest

from experiments.corpus import layout
from tests.experiments.corpus import killing

pytestmark = [pytest.mark.slow, pytest.mark.corpus]

NUM_PICTURES, NUM_KILLS = map(
    int, os.environ.get("JAX_ENCODER_CAMPAIGN", "2000,50").split(",")
)
NUM_ACTOR_KILLS = round(0.4 * NUM_KILLS)
ALLOWED = {"corpus.json", "manifest.parquet", "metrics.prom", "logs", "shards"}
OPTIONS = ("--preset=encoder", "--shard_size=16", "--verdicts=none")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Pictures, and the corpus of one worker that nobody disturbed."""
    place = tmp_path_factory.mktemp("campaign")
    killing.write_pictures(place / "photos", NUM_PICTURES)
    alone = killing.start(
        "encode_corpus",
        f"--images={place}/photos",
        f"--output_dir={place}/alone",
        "--shard=0/1",
        *OPTIONS,
        log=place / "alone.log",
    )
    assert alone.wait() == 0, (place / "alone.log").read_text()
    return place


def _check(place, name):
    root = place / name
    assert killing.rows(root) == killing.rows(place / "alone")
    corpus, alone = layout.read(root), layout.read(place / "alone")
    assert corpus.manifest.num == NUM_PICTURES == len(killing.rows(root))
    for shard in range(corpus.manifest.num_shards):
        one, other = corpus.path(shard), alone.path(shard)
        assert one.read_bytes() == other.read_bytes(), shard
    assert {path.name for path in root.iterdir()} <= ALLOWED
    names = {path.name for path in (root / "shards").iterdir()}
    assert names == {f"{k:06d}.parquet" for k in range(corpus.manifest.num_shards)}


def test_fifty_kills_change_nothing(place):
    def begin():
        return killing.start(
            "encode_corpus",
            f"--images={place}/photos",
            f"--output_dir={place}/killed",
            "--workers=4",
            *OPTIONS,
            log=place / "killed.log",
        )

    workers, leaders, code = killing.kill_while_running(
        begin,
        num=NUM_KILLS,
        victims=killing.workers_of,
        share=lambda: killing.share_done(place / "killed"),
    )
    assert code == 0, (place / "killed.log").read_text()[-2000:]
    assert workers + leaders == NUM_KILLS
    assert leaders > 0
    _check(place, "killed")


RAY_OPTIONS = ("--engine=ray", "--workers=2")


@pytest.mark.ray
def test_ray_survives_dead_actors_and_drivers(place):
    pytest.importorskip("ray", reason="needs the extra `cluster`")

    def begin():
        return killing.start(
            "encode_corpus",
            f"--images={place}/photos",
            f"--output_dir={place}/ray",
            *OPTIONS,
            *RAY_OPTIONS,
            log=place / "ray.log",
        )

    def share():
        return killing.share_done(place / "ray")

    shares = [0.95 * k / NUM_ACTOR_KILLS for k in range(NUM_ACTOR_KILLS)]
    third = len(shares) // 3
    actors = drivers = 0
    for part in (shares[:third], shares[third : 2 * third]):
        leader = begin()
        actors += killing.kill_actors(leader, part, share)
        drivers += killing.kill_tree(leader)
    leader = begin()
    actors += killing.kill_actors(leader, shares[2 * third :], share)
    code = leader.wait(timeout=3600)
    assert code == 0, (place / "ray.log").read_text()[-2000:]
    assert (actors, drivers) == (NUM_ACTOR_KILLS, 2)
    _check(place, "ray")
