"""Shards of `generate_data`, streamed by grain."""

import numpy as np
import pytest

from jax_encoder.io import images
from jax_encoder.training import shard_streams

NUM, SIZE = 22, 8
WS = np.random.default_rng(0).normal(size=(NUM, 4, 8)).astype(np.float32)


@pytest.fixture(scope="module", params=["own", "interfacegan"])
def shards(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    folder = root / "pictures" if request.param == "own" else root
    for name in (root / "shards", folder):
        name.mkdir(exist_ok=True)
    for index, first in enumerate(range(0, NUM, 8)):
        rows = WS[first : first + 8]
        np.savez(root / "shards" / f"shard_{index:05}.npz", ws=rows)
    for index in range(NUM):
        picture = np.full((SIZE, SIZE, 3), index, np.uint8)
        images.write(folder / f"{index:06}.png", picture)
    return shard_streams.Shards.open(root, SIZE)


def test_examples_by_their_index(shards):
    assert len(shards) == NUM
    assert shards.starts == (0, 8, 16, 22)
    found = shards.take(range(6, NUM))
    np.testing.assert_array_equal(found["ws"], WS[6:])
    np.testing.assert_array_equal(found["images"][:, 3, 3, 0], np.arange(6, NUM))


def test_a_resumed_stream_goes_on_with_the_same_batches(shards):
    first, again = (shard_streams.Stream(shards, 20, 5, seed=3) for _ in range(2))
    whole = [first(step) for step in range(9)]
    resumed = [again(step) for step in range(5, 9)]
    for one, other in zip(whole[5:], resumed, strict=True):
        for name in ("images", "ws"):
            np.testing.assert_array_equal(one[name], other[name])
    # Every example once in four batches; pictures with their own codes; none held out.
    seen = np.concatenate([batch["images"][:, 0, 0, 0] for batch in whole[:4]])
    assert sorted(seen) == list(range(20))
    for batch in whole:
        np.testing.assert_array_equal(batch["ws"], WS[batch["images"][:, 0, 0, 0]])
    other = shard_streams.Stream(shards, 20, 5, seed=4)(0)
    assert not np.array_equal(other["ws"], whole[0]["ws"])


def test_what_makes_no_stream(shards, tmp_path):
    with pytest.raises(ValueError, match="has no shards"):
        shard_streams.Shards.open(tmp_path, SIZE)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/shard_00000.npz").write_bytes(b"broken")
    with pytest.raises(ValueError, match="a damaged shard"):
        shard_streams.Shards.open(tmp_path, SIZE)
    with pytest.raises(ValueError, match="too few for batches of 30"):
        shard_streams.Stream(shards, 20, 30)
