"""Reference arrays of the networks whose weights are made from a seed."""

import json
import re

import numpy as np

import converters
from tests.golden import recipe


def images(array_u8):
    """`[N, 3, H, W]` uint8 -> the public `[N, H, W, 3]` in [-1, 1]."""
    return array_u8.transpose(0, 2, 3, 1).astype(np.float32) / 127.5 - 1


def nchw(array):
    """`[N, H, W, C] -> [N, C, H, W]`; other ranks as they are."""
    return np.moveaxis(np.asarray(array), -1, 1) if array.ndim == 4 else array


def state_dict(folder, which=None):
    """The weights of a fixture."""
    return recipe.state_dict(folder, which)


def convert(folder, which=None, *, kind=None):
    """The network of a fixture."""
    return converters.convert(recipe.state_dict(folder, which), kind=kind)


class Reference:
    """A fixture's arrays, with their slices."""

    def __init__(self, folder):
        with np.load(folder / "io.npz") as arrays:
            self.arrays = dict(arrays)
        meta = json.loads((folder / "meta.json").read_text())
        self.docs = {name: entry["doc"] for name, entry in meta["arrays"].items()}

    def __getitem__(self, name):
        return self.arrays[name]

    def check(self, name, got, limit=1e-4):
        """Compares an NHWC array, cut as `meta.json` says, to a reference."""
        expected = self.arrays[name]
        got = nchw(np.asarray(got))
        cuts = re.findall(r"\[([0-9, .]*:[:0-9, .]*)\]", self.docs[name])
        if cuts:
            got = got[tuple(_slice(part.strip()) for part in cuts[-1].split(","))]
        if name.startswith("chmean/"):
            got = got.mean(axis=(0, 2, 3))
        assert got.shape == expected.shape, (name, got.shape, expected.shape)
        error = np.max(np.abs(got - expected)) / np.max(np.abs(expected))
        assert error <= limit, f"{name}: off by {error:.2e} of the largest value"

    def check_tap(self, name, got, limit=1e-4):
        """Compares a feature map's corner and the means of its channels."""
        self.check(f"feat/{name}", got, limit)
        self.check(f"chmean/{name}", got, limit)


def _slice(text):
    if text == "...":
        return Ellipsis
    return slice(*[int(part) if part else None for part in text.split(":")])
