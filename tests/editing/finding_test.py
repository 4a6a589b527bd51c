import types

import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.editing import components, effects, finding
from jax_encoder.editing.directions import Direction, DirectionError

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(6, 6))
CODES = RNG.normal(size=(3000, 6)) @ MIX
SLOPES = RNG.normal(size=(3, 6))
SCORES = CODES @ SLOPES.T + 0.1 * RNG.normal(size=(3000, 3))
NAMES = ("a", "b", "c")


def cosine(a, b):
    return np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)


def test_boundaries_find_the_slope():
    found = finding.svm(CODES, SCORES[:, 0], name="a", chosen=0.2)
    assert cosine(found.vector, SLOPES[0]) > 0.9
    assert found.provenance["validation_accuracy"] > 0.95


def test_differences_are_those_of_the_means():
    tags = np.arange(3000) % 3 == 0
    shift = np.array([0, 2.0, 0, 0, -1, 0])
    noise = RNG.normal(size=(3000, 6)) * 0.01
    found = finding.difference(noise + tags[:, None] * shift, tags, name="t")
    np.testing.assert_allclose(found.vector, shift / 5**0.5, atol=1e-2)
    np.testing.assert_allclose(found.provenance["distance"], 5**0.5, rtol=1e-2)
    layered = (noise + tags[:, None] * shift).reshape(3000, 2, 3)
    rows = finding.difference(layered, tags, name="t", space="w+")
    np.testing.assert_allclose(rows.vector.ravel(), found.vector, atol=1e-6)
    with pytest.raises(DirectionError, match="with the tag"):
        finding.difference(noise, np.ones(3000), name="t", threshold=0.5)


def test_regression_changes_one_score_by_its_deviation():
    found = finding.regress(CODES, SCORES, names=NAMES, reach=1e-6)
    std = SCORES.std(axis=0)
    for k, name in enumerate(NAMES):
        change = SLOPES @ found[name].vector / std
        np.testing.assert_allclose(change, np.eye(3)[k], atol=0.02)
        np.testing.assert_allclose(found[name].scale, std[k], rtol=1e-6)


def test_a_long_reach_costs_leak_and_saves_way():
    spread = np.linalg.inv(np.cov(CODES.T))
    leaks, ways = [], []
    for reach in (1e-3, 1.0, 1e3):
        d = finding.regress(CODES, SCORES, names=NAMES, reach=reach)["a"].vector
        change = SLOPES @ d / SCORES.std(axis=0)
        np.testing.assert_allclose(change[0], 1, atol=0.02)
        leaks.append(np.sum(change[1:] ** 2))
        ways.append(d @ spread @ d)
    assert leaks == sorted(leaks)
    assert ways == sorted(ways, reverse=True)


def test_constant_scores_have_no_direction():
    scores = np.column_stack([SCORES[:, 0], np.ones(3000)])
    assert list(finding.regress(CODES, scores, names=("a", "still"))) == ["a"]
    with pytest.raises(ValueError, match="must be"):
        finding.regress(CODES, SCORES, names=("a",))


def test_incremental_components_are_exact_while_all_fit():
    running = components.Incremental(6)
    for part in np.array_split(CODES, 7):
        running.add(part)
    _, singular, axes = np.linalg.svd(CODES - CODES.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(running.mean, CODES.mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(running.std, singular / 2999**0.5, rtol=1e-8)
    np.testing.assert_allclose(
        np.abs(running.components @ axes.T), np.eye(6), atol=1e-6
    )


def _linear_generator():
    """w is a linear map of z; the first block's features are linear in w."""
    matrix, look = jnp.asarray(RNG.normal(size=(2, 6, 6)), jnp.float32)

    def stages(ws):
        yield 4, (ws[:, 0] @ look)[:, None, None], None

    config = types.SimpleNamespace(
        z_dim=6, w_dim=6, num_ws=2, resolutions=(4,), family="toy"
    )
    generator = types.SimpleNamespace(
        mapping=lambda z: z @ matrix,
        synthesis=types.SimpleNamespace(stages=stages),
        config=config,
    )
    return generator, np.asarray(matrix, float), np.asarray(look, float)


def test_components_of_w_and_of_activations(monkeypatch):
    generator, matrix, look = _linear_generator()
    monkeypatch.setattr(components, "_map", lambda g, z: g.mapping(z))
    monkeypatch.setattr(
        components,
        "_features",
        lambda g, w, side: next(g.synthesis.stages(jnp.asarray(w)[:, None]))[1],
    )
    found = components.of_w(generator, num_samples=20_000, num_components=2)
    variances, axes = np.linalg.eigh(matrix.T @ matrix)
    assert abs(cosine(found["pc00"].vector, axes[:, -1])) > 0.99
    length = np.linalg.norm(found["pc00"].vector)
    np.testing.assert_allclose(length, variances[-1] ** 0.5, rtol=0.03)
    found = components.of_activations(generator, 4, num_samples=2000, num_components=2)
    # Carried forward again, the direction is the component of the activations.
    seen = look.T @ matrix.T @ matrix @ look
    variances, axes = np.linalg.eigh(seen)
    forward = found["pc00"].vector @ look
    assert abs(cosine(forward, axes[:, -1])) > 0.98
    np.testing.assert_allclose(np.linalg.norm(forward), variances[-1] ** 0.5, rtol=0.1)
    with pytest.raises(ValueError, match=r"blocks \(4,\), not of 8"):
        components.of_activations(generator, 8)


def test_effects_are_measured():
    """A reader that sees two numbers of a code, of which the move changes one."""
    scale = effects.Scale(
        names=("a", "b", "c"),
        std=np.array([2.0, 1.0, 0.1]),
        low=np.array([-9.0, -9, 0]),
        high=np.array([9.0, 9, 1]),
        is_circular=np.array([False, False, True]),
        needs=(None, None, None),
    )

    def read(ws):
        scores = ws[:, 0].copy()
        scores[:, 2] %= 1.0
        return effects.Reading(
            scores=scores,
            is_visible=np.ones(scores.shape, bool),
            embedding=np.eye(3)[np.zeros(len(ws), int)],
        )

    direction = Direction(name="a", vector=np.array([1.0, 0.3, 0.9]), unit="sd")
    ws = RNG.uniform(-1, 1, (20, 2, 3))
    found = effects.measure(direction, ws, read, scale, step=1.0)
    np.testing.assert_allclose(found.gain, 0.5, rtol=1e-5)
    np.testing.assert_allclose(found.leaks["b"], 0.3, rtol=1e-4)
    np.testing.assert_allclose(found.leaks["c"], 1.0, rtol=1e-4)  # the short way
    np.testing.assert_allclose(found.leak, 0.65, rtol=1e-4)
    assert found.identity == 1
    assert found.worst(1) == {"c": 1.0}
    right = effects.calibrated(direction, found.gain)
    again = effects.measure(right, ws, read, scale, step=1.0)
    np.testing.assert_allclose(again.gain, 1, rtol=1e-5)
    with pytest.raises(ValueError, match="nothing to calibrate"):
        effects.calibrated(direction, 0.0)
    with pytest.raises(ValueError, match="knows no 'x'"):
        effects.measure(
            Direction(name="x", vector=np.ones(3)), ws, read, scale, step=1.0
        )
