"""A small corpus on disk, without pictures."""

from experiments.corpus import layout, stores_setup, workers
from tests.experiments.corpus import stub


def make(root, num=20, shard_size=8, settings=None, kind=stub.LAYOUT):
    """A prepared corpus of `num` pictures "p000"..."""
    listing = root.parent / f"{root.name}.txt"
    listing.write_text("".join(f"/none/{k}\tp{k:03d}\n" for k in range(num)))
    corpus = layout.prepare(
        root,
        settings or {"seed": 0},
        [str(listing)],
        shard_size=shard_size,
        hashes=False,
        about={},
    )
    stores_setup.make(corpus, kind)
    return corpus


def worker(corpus, session=None, name="w", **options):
    """A worker on the stub session."""
    path = corpus.root / layout.LOGS / f"{name}.jsonl"
    options.setdefault("load", stub.load)
    session = session or stub.StubSession()
    return workers.Worker(
        corpus=corpus, session=session, log=workers.Log(path, name), **options
    )
