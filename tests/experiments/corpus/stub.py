"""A session that needs no network: a code is drawn from the picture's id."""

import functools
import time

import numpy as np

from experiments.corpus import sessions
from experiments.sharing import picture_bytes
from experiments.stores import tables

LAYOUT = tables.RowLayout(num_ws=3, w_dim=8, measures=("psnr",))


class StubSession:
    """Draws codes; fails and diverges where the id says so."""

    def __init__(self, batch_size=4, layout=LAYOUT, pause=0.0, seed=0):
        self.layout, self.batch_size, self.seed = layout, batch_size, seed
        self.about = {"space": "w+", "preset": "stub", "generator_sha256": "0" * 64}
        self.target = {"resolution": 2, "channels": 3, "crop": "center"}
        self.pause, self.sizes, self.encoded = pause, [], []

    def encode(self, targets, ids):
        time.sleep(self.pause)
        self.sizes.append(len(targets))
        self.encoded += list(dict.fromkeys(ids))
        ws = np.stack([code(name) for name in ids])
        return sessions.Encoded(
            ws=ws.reshape(len(ids), self.layout.num_ws, self.layout.w_dim),
            measures={"psnr": np.abs(ws).mean(1)},
            is_diverged=np.array(["diverge" in name for name in ids]),
        )

    def judge(self, row):
        return "good"


def code(name, size=24):
    """`[size]` numbers that depend on the id alone."""
    seed = sessions.seed_of(0, name)
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


_TARGET = np.zeros((2, 2, 3), np.float32)


def load(entry, failing=()):
    """A picture without a file; those in `failing` cannot be read."""
    if entry.id in failing:
        return picture_bytes.Loaded(
            entry, None, reason="no such file; check the source"
        )
    return picture_bytes.Loaded(entry, _TARGET, num_bytes=1, sha256="0" * 64)


def failing(*ids):
    return functools.partial(load, failing=ids)


def encoded(ws, attributes):
    """What a session found: these codes and scores."""
    return sessions.Encoded(
        ws=ws,
        measures={"psnr": ws[:, 0, 0]},
        is_diverged=np.zeros(len(ws), bool),
        attributes=attributes,
    )
