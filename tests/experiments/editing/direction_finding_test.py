import numpy as np
import pytest

from experiments.editing import direction_finding
from jax_encoder.editing import effects
from jax_encoder.editing.directions import Direction, DirectionError

RNG = np.random.default_rng(0)


def test_scores_of_tables(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("file,age,smile\na.png,1,0.5\nb.png,2,-1\n")
    scores, names = direction_finding.read_scores(path)
    assert names == ("age", "smile")
    np.testing.assert_array_equal(scores, [[1, 0.5], [2, -1]])
    np.save(tmp_path / "age.npy", np.ones((4, 1)))
    scores, names = direction_finding.read_scores(tmp_path / "age.npy")
    assert (scores.shape, names) == ((4, 1), ("age",))
    path.write_text("file\na.png\n")
    with pytest.raises(ValueError, match="no column of numbers"):
        direction_finding.read_scores(path)


@pytest.mark.parametrize("method", ["svm", "difference", "regression"])
def test_methods_find_the_slope(method):
    codes = RNG.normal(size=(400, 4))
    samples = direction_finding.Samples(
        codes=codes, scores=codes[:, :2] * [3.0, 1.0], names=("age", "smile")
    )
    options = {"svm": {"chosen": 0.3}, "difference": {"threshold": None}}
    found = direction_finding.from_scores(
        method, samples, ["Smile"], options=options.get(method, {}), reach=0.01
    )
    assert list(found) == ["smile"]
    vector = found["smile"].vector
    assert abs(vector[1]) > 0.95 * np.linalg.norm(vector)
    with pytest.raises(DirectionError, match="mean smile"):
        direction_finding.from_scores(method, samples, ["smil"], options={}, reach=0.01)


def test_calibration_finds_the_unit():
    """A score that saturates: the step is right where it is measured."""
    scale = effects.Scale(
        names=("a",),
        std=np.array([0.5]),
        low=np.array([-1.0]),
        high=np.array([1.0]),
        is_circular=np.array([False]),
        needs=(None,),
    )

    def read(ws):
        scores = np.tanh(0.7 * ws[:, 0, :1])
        return effects.Reading(scores=scores, is_visible=np.ones(scores.shape, bool))

    ws = RNG.normal(size=(200, 2, 3))
    found = direction_finding.calibrate(
        Direction(name="a", vector=np.array([1.0, 0.0, 0.0])),
        ws,
        read,
        scale,
        step=1.0,
        before=read(ws),
    )
    assert (found.unit, found.scale) == ("sd", 0.5)
    effect = effects.measure(found, ws, read, scale, step=1.0)
    assert effect.gain == pytest.approx(1.0, abs=0.05)
