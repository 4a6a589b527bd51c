"""A corpus of any number of rows without pictures or networks, and workers that die.

    python -m tests.experiments.corpus.simulation --num=100000 --deaths=100

Manifest, leases, shards, store and logs are the real ones; the session draws codes.
Prints JSON: seconds, processor time per picture, memory, rows lost and doubled.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import random
import resource
import signal
import tempfile
import time

import numpy as np

from experiments.corpus import claims, layout, manifest, sessions, stores_setup, workers
from experiments.sharing import corpus_sources, leases
from experiments.stores import stores, tables
from jax_encoder.io import files
from tests.experiments.corpus import stub

KIND = tables.RowLayout(num_ws=10, w_dim=128)
_POOL = np.random.default_rng(0).normal(size=1 << 16).astype(np.float32)


class PooledSession(stub.StubSession):
    """Codes out of a pool of numbers: as fast as can be."""

    def __init__(self):
        super().__init__(batch_size=64, layout=KIND)

    def encode(self, targets, ids):
        size = KIND.num_ws * KIND.w_dim
        first = [sessions.seed_of(0, name) % (len(_POOL) - size) for name in ids]
        ws = np.stack([_POOL[k : k + size] for k in first])
        return sessions.Encoded(
            ws=ws.reshape(-1, KIND.num_ws, KIND.w_dim),
            measures={"psnr": ws[:, 0], "lpips": ws[:, 1]},
            is_diverged=np.zeros(len(ids), bool),
        )


def prepare(root, num, shard_size):
    """A corpus of `num` pictures that do not exist."""
    files.make_directory(root)
    named = (
        (
            corpus_sources.PictureSource(f"s3://bucket/photos/{k:08d}.jpg", 1),
            f"p{k:08d}",
        )
        for k in range(num)
    )
    manifest.write_entries(root / manifest.FILE, named, shard_size)
    settings = {"stub": True}
    content = {"format": 1, "settings": settings, "config": layout.digest(settings)}
    files.write_json(root / layout.SETTINGS, content)
    corpus = layout.read(root)
    stores_setup.make(corpus, KIND)
    files.make_directory(root / layout.LEASES)
    return corpus


def work(root, name):
    """A worker's life."""
    corpus = layout.read(root)
    log = workers.Log(root / layout.LOGS / f"{name}.jsonl", name)
    session = PooledSession()
    with leases.Leases(root / layout.LEASES, owner=name) as held:
        worker = workers.Worker(corpus=corpus, session=session, log=log, load=stub.load)
        worker.run(claims.Leased(corpus, held))


def simulate(root, *, num, deaths, shard_size=256, num_workers=2, seed=0):
    """Fills a corpus while workers are killed; tells what it took."""
    context = multiprocessing.get_context("fork")
    start, choose = time.monotonic(), random.Random(seed)
    corpus = prepare(root, num, shard_size)
    prepared = time.monotonic() - start
    running, killed, looked, share = {}, 0, 0.0, 0.0
    while running or share < 1.0:
        if time.monotonic() - looked > 0.5 or not running:
            looked = time.monotonic()
            share = len(corpus.done()) / corpus.manifest.num_shards
        if share < 1.0:
            for slot in set(range(num_workers)) - running.keys():
                running[slot] = context.Process(target=work, args=(root, f"w{slot}"))
                running[slot].start()
        time.sleep(0.02)
        # Deaths are spread over the work.
        alive = [process for process in running.values() if process.exitcode is None]
        if alive and killed < min(deaths, deaths * share + 1):
            os.kill(choose.choice(alive).pid, signal.SIGKILL)
            killed += 1
        for slot, process in list(running.items()):
            if process.exitcode is not None:
                process.join()
                assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
                del running[slot]
    layout.sweep(corpus)
    seconds = time.monotonic() - start
    return _account(corpus, num, killed, seconds, prepared)


def _account(corpus, num, killed, seconds, prepared):
    ids = []
    for rows in stores.read(corpus.root).batches(["id", "status"]):
        ids += rows["id"].to_pylist()
        assert set(rows["status"].to_pylist()) == {"ok"}
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    processor = children.ru_utime + children.ru_stime + own.ru_utime + own.ru_stime
    left = [
        p.name for p in corpus.root.rglob("*") if ".tmp-" in p.name or "lease" in p.name
    ]
    return {
        "pictures": num,
        "deaths": killed,
        "seconds": round(seconds, 1),
        "listing_seconds": round(prepared, 1),
        "processor_ms_per_picture": round(1000 * processor / num, 3),
        "wall_ms_per_picture": round(1000 * seconds / num, 3),
        "worker_mib": children.ru_maxrss // 1024,
        "leader_mib": own.ru_maxrss // 1024,
        "lost": num - len(set(ids)),
        "doubled": len(ids) - len(set(ids)),
        "leftovers": left,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--deaths", type=int, default=10)
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
        root = pathlib.Path(place) / "corpus"
        found = simulate(root, num=arguments.num, deaths=arguments.deaths)
    return json.dumps(found)


if __name__ == "__main__":
    print(main())  # noqa: T201
