"""Campaigns: thousands of pictures, workers that are killed. `make test-corpus`.

`JAX_ENCODER_CAMPAIGN=600,10,20` makes them smaller: pictures, kills, and the seconds
between two kills, which must let a worker start (some seconds of a processor).
"""

import os

import pytest

from experiments.corpus import layout
from tests.experiments.corpus import killing

pytestmark = [pytest.mark.slow, pytest.mark.corpus]

NUM_PICTURES, NUM_KILLS, PAUSE = map(
    int, os.environ.get("JAX_ENCODER_CAMPAIGN", "2000,50,6").split(",")
)
PAUSES = (0.7 * PAUSE, 1.3 * PAUSE)
ALLOWED = {"corpus.json", "manifest.parquet", "metrics.prom", "logs", "shards"}
OPTIONS = ("--preset=fast", "--iterations=4", "--shard_size=16", "--verdicts=none")


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
        pause=PAUSES,
        victims=killing.workers_of,
    )
    assert code == 0, (place / "killed.log").read_text()[-2000:]
    assert workers + leaders == NUM_KILLS
    assert leaders > 0
    _check(place, "killed")


RAY_OPTIONS = ("--engine=ray", "--workers=2")


@pytest.mark.ray
def test_ray_survives_dead_actors_and_drivers(place):
    pytest.importorskip("ray", reason="needs the extra `cluster`")
    actors = drivers = 0
    code = None
    parts = [round(NUM_KILLS * share) for share in (0.16, 0.16, 0.08)]
    for kills in parts:  # Two drivers die on the way.

        def begin():
            return killing.start(
                "encode_corpus",
                f"--images={place}/photos",
                f"--output_dir={place}/ray",
                *OPTIONS,
                *RAY_OPTIONS,
                log=place / "ray.log",
            )

        leader = begin()
        actors += killing.kill_actors(leader, kills, pause=(2 * PAUSE, 3 * PAUSE))
        if drivers == 2:
            code = leader.wait(timeout=1200)
        else:
            drivers += killing.kill_tree(leader)
    assert code == 0, (place / "ray.log").read_text()[-2000:]
    assert (actors, drivers) == (sum(parts), 2)
    _check(place, "ray")
