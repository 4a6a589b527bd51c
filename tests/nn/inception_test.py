import jax
import numpy as np
import pytest

from tests import reference

BLOCKS = ("block0", "block1", "block2")


@jax.jit
def _features(network, images):
    return network.features(images, [*BLOCKS, "pool", "fc"])


def test_equals_pytorch_fid_block_by_block(golden):
    fixture = reference.Reference(golden / "net_fid_inception")
    network = reference.convert(golden / "net_fid_inception", kind="fid_inception")
    for case, array in {"resized": "image_u8", "native299": "image299_u8"}.items():
        found = _features(network, reference.images(fixture[array]))
        for block in BLOCKS:
            fixture.check_tap(f"{case}.{block}", found[block])
        fixture.check(f"{case}/pool", found["pool"])
        fixture.check(f"{case}/logits", found["fc"])
    with pytest.raises(ValueError, match="images / 127.5 - 1"):
        network.embed(fixture["image_u8"].transpose(0, 2, 3, 1))
    with pytest.raises(ValueError, match="channels last"):
        network.embed(np.zeros((1, 3, 64, 64), np.float32))
