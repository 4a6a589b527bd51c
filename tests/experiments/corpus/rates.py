"""The rate of a corpus beside that of the compiled step alone, in one process.

    python -m tests.experiments.corpus.rates --presets=encoder,fast --num=256

Both do the same batches in turn: once as arrays that are ready, once out of files, into
a store. Prints per preset pictures per second and their ratio, by the clock and by the
processor's time, which other processes disturb less.
"""

import argparse
import json
import pathlib
import shutil
import tempfile
import time

import numpy as np

from experiments.corpus import claims, entry, layout, network_session, workers
from experiments.sharing import picture_bytes
from tests.experiments.corpus import killing


def _timed(work):
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return np.array([time.perf_counter() - clock, time.process_time() - processor])


def measure(place, preset, num, rounds, batch_size):
    """Pictures per second: (clock, processor) of the step alone and of the corpus."""
    arguments = [
        f"--images={place}/photos",
        f"--output_dir={place}/{preset}",
        f"--preset={preset}",
        "--verdicts=none",
        f"--batch_size={batch_size}",
        "--shard_size=64",
    ]
    plan = entry.parse(arguments)
    corpus = entry.prepare(plan)
    session = network_session.make(plan, corpus)
    entries = [
        e for k in range(corpus.manifest.num_shards) for e in corpus.manifest.shard(k)
    ]
    loaded = [picture_bytes.load(e, **session.target) for e in entries]
    targets = np.stack([one.target for one in loaded])
    ids = [e.id for e in entries]

    def bare():
        for k in range(0, num, batch_size):
            session.encode(targets[k : k + batch_size], ids[k : k + batch_size])

    def whole():
        shutil.rmtree(corpus.root / "shards")
        log = workers.Log(corpus.root / layout.LOGS / "rate.jsonl", "rate")
        (corpus.root / "shards").mkdir()
        worker = workers.Worker(corpus=corpus, session=session, log=log)
        worker.run(claims.Listed(corpus.todo()))

    session.encode(targets[:batch_size], ids[:batch_size])
    spent = {bare: np.zeros(2), whole: np.zeros(2)}
    for _ in range(rounds):
        for work in spent:
            spent[work] += _timed(work)
    return {
        "preset": preset,
        "bare": [round(x, 2) for x in num * rounds / spent[bare]],
        "corpus": [round(x, 2) for x in num * rounds / spent[whole]],
        "share_by_clock": round(float(spent[bare][0] / spent[whole][0]), 3),
        "share_by_processor": round(float(spent[bare][1] / spent[whole][1]), 3),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--presets", default="encoder,fast")
    parser.add_argument("--num", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch_size", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        killing.write_pictures(place / "photos", arguments.num)
        for preset in arguments.presets.split(","):
            found = measure(
                place, preset, arguments.num, arguments.rounds, arguments.batch_size
            )
            yield json.dumps(found)


if __name__ == "__main__":
    for line in main():
        print(line, flush=True)  # noqa: T201
