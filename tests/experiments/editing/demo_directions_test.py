"""The directions that come with the demo generator."""

import jax
import numpy as np
import pytest

from experiments.editing import direction_lists, readers
from experiments.networks import resources
from jax_encoder.editing import direction_files, effects
from jax_encoder.io import bundles

WANTED = {"smile", "age", "yaw", "glasses", "hair_length", "beard"}
PATH = resources.DEMO_GENERATOR / "directions.npz"


def test_they_say_what_they_are():
    found = direction_files.load(PATH)
    assert set(found) >= WANTED
    owner = bundles.read(resources.DEMO_GENERATOR).digest
    assert direction_files.owner(PATH) == owner
    for direction in found.values():
        about = direction.provenance
        assert direction.unit == "sd"
        assert direction.scale > 0
        assert about["num_measured"] == 50
        assert about["leak"] < 0.3
        assert abs(about["effect"] - 1) < 0.3
    means = [
        np.mean([found[n].provenance[k] for n in WANTED]) for k in ("effect", "leak")
    ]
    assert means == pytest.approx([1.0, 0.0], abs=0.2)


@pytest.mark.slow
def test_they_do_what_they_say():
    source = resources.generator(None)
    network = resources.load(resources.DEMO_NETWORKS["vgg"]).network
    z = np.asarray(jax.random.normal(jax.random.key(99), (readers.BATCH, 64)))
    ws = np.repeat(readers.map_codes(source.network, z)[:, None], 10, axis=1)
    read = readers.reader(source.network, network)
    before = read(ws)
    scale = readers.scale(network, before.scores)
    library = direction_lists.Library(source=source)
    for name in WANTED:
        found = effects.measure(library.direction(name), ws, read, scale, before=before)
        assert found.gain == pytest.approx(1.0, abs=0.15), name
        assert found.leak < 0.35, name
