"""Bundles, states and caches that were edited or damaged: a sentence or a right result.

    pytest -m "slow or not slow" tests/io/hostile_bundles_test.py

In one process: any exception but the refusals of the readers is a traceback that a
person would see.
"""

import json
import random
import shutil

import numpy as np
import pytest

from fuzz import edits, own_files
from jax_encoder import io
from jax_encoder.io import bundles, descriptions
from tests.experiments import tiny

NUM_EDITS, NUM_FLIPS, NUM_DAMAGED = 500, 200, 200


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    io.save(tiny.make_generator(), root / "whole", provenance={"sha256": "0" * 64})
    return root / "whole"


def _state(network):
    return tiny.pure_state(network)


def _same(left, right):
    found, wanted = map(_flat, (left, right))
    return found.keys() == wanted.keys() and all(
        np.array_equal(found[name], wanted[name]) for name in wanted
    )


def _flat(tree, prefix=""):
    if not isinstance(tree, dict):
        return {prefix: np.asarray(tree)}
    return {
        name: leaf
        for key, value in tree.items()
        for name, leaf in _flat(value, f"{prefix}.{key}").items()
    }


def _outcome(path, wanted):
    """Whether a bundle loads right; False for a refusal in a sentence."""
    refused, network = "", None
    try:
        network = io.load(path)
    except descriptions.BundleError as error:
        refused = str(error)
    if refused:
        assert len(refused) < 2000
        assert refused.isprintable()
        return False
    assert _same(_state(network), wanted), "another network came out, and exit 0"
    return True


def _edited(bundle, tmp_path, count, *, is_consistent):
    """Counts the edits of config.json that load; the others are refused."""
    wanted = _state(io.load(bundle))
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    description = json.loads((bundle / "config.json").read_text())
    good = 0
    for _what, tree in edits.edits(description, count):
        if is_consistent and isinstance(tree.get("digests"), dict):
            # As an attacker would: the digests fit the edit.
            try:
                tree["digests"]["settings"] = descriptions.settings_digest(tree)
            except (KeyError, ValueError, RecursionError):
                continue
        (copy / "config.json").write_text(json.dumps(tree))
        good += _outcome(copy, wanted)
    return good


def test_some_edits_of_a_config(bundle, tmp_path):
    assert _edited(bundle, tmp_path, 25, is_consistent=False) < 25


@pytest.mark.slow
@pytest.mark.parametrize("is_consistent", [False, True])
def test_edits_of_a_config(bundle, tmp_path, is_consistent):
    num = NUM_EDITS // 2
    good = _edited(bundle, tmp_path, num, is_consistent=is_consistent)
    assert 0 < good < num


def _flip(path, draw):
    content = bytearray(path.read_bytes())
    place = draw.randrange(len(content))
    content[place] ^= 1 << draw.randrange(8)
    path.write_bytes(bytes(content))


@pytest.mark.slow
def test_flips_of_bits_in_all_files(bundle, tmp_path, capfd):
    wanted = _state(io.load(bundle))
    draw = random.Random(0)
    paths = sorted(path for path in bundle.rglob("*") if path.is_file())
    refused = 0
    for index in range(NUM_FLIPS):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(bundle, copy)
        _flip(copy / paths[index % len(paths)].relative_to(bundle), draw)
        refused += not _outcome(copy, wanted)
    assert refused > 0.9 * NUM_FLIPS
    shown = "".join(capfd.readouterr())
    assert "Traceback" not in shown
    assert "event loop" not in shown


def test_a_flipped_bit_is_refused_before_the_files_are_opened(bundle, tmp_path, capfd):
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    for path in (copy / "arrays").rglob("*"):
        if path.is_file():
            _flip(path, random.Random(1))
    with pytest.raises(io.BundleError, match="not what it was saved with"):
        bundles.load(copy)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_bundle_that_declares_other_shapes_is_refused_unread(bundle, tmp_path):
    """Its digests are right: only the settings ask for another network."""
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    description = json.loads((copy / "config.json").read_text())
    description["config"]["z_dim"] = 16
    (copy / "config.json").write_text(json.dumps(description))
    io_error = pytest.raises(io.BundleError, match="z_dim|stands where|settings")
    with io_error:
        bundles.load(copy)
    description["digests"]["settings"] = descriptions.settings_digest(description)
    (copy / "config.json").write_text(json.dumps(description))
    with pytest.raises(io.BundleError, match="stands where"):
        bundles.load(copy)


@pytest.mark.slow
@pytest.mark.parametrize("name", own_files.targets())
def test_damaged_states_and_caches(name):
    accepted = [
        own_files.check(name, own_files.make(name, seed)) for seed in range(NUM_DAMAGED)
    ]
    assert False in accepted or name in ("journal", "settings", "json")
