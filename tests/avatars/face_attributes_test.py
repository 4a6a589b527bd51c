"""The table of attributes, and the statistics of the people drawn from it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_encoder.avatars import face_attributes


@pytest.fixture(scope="module")
def people():
    return np.asarray(face_attributes.sample(jax.random.key(0), 4096))


def _column(people, name):
    return people[:, face_attributes.index(name)]


def test_the_table_is_consistent():
    names = face_attributes.NAMES
    assert len(set(names)) == len(names) == face_attributes.NUM_ATTRIBUTES
    assert (face_attributes.LOW < face_attributes.HIGH).all()
    for attribute in face_attributes.ATTRIBUTES:
        assert attribute.kind in ("continuous", "binary")
        assert attribute.description
        if attribute.needs is not None:
            needed = face_attributes.index(attribute.needs)
            assert face_attributes.IS_BINARY[needed]
    assert set(face_attributes.PASSING) < set(names)


def test_people_keep_the_ranges_and_fill_them(people):
    assert people.dtype == np.float32
    assert (people >= face_attributes.LOW).all()
    assert (people <= face_attributes.HIGH).all()
    spread = np.ptp(people, axis=0) / (face_attributes.HIGH - face_attributes.LOW)
    assert (spread > 0.75).all(), dict(zip(face_attributes.NAMES, spread, strict=True))
    binary = people[:, face_attributes.IS_BINARY]
    assert set(np.unique(binary)) == {0.0, 1.0}
    assert (np.abs(binary.mean(axis=0) - 0.4) < 0.2).all()


@pytest.mark.parametrize(
    ("name", "other", "least"),
    [
        ("graying", "age", 0.7),
        ("glasses", "age", 0.15),
        ("balding", "age", 0.3),
        ("beard", "jaw", 0.5),
        ("beard", "brow_thickness", 0.3),
        ("mouth_opening", "smile", 0.3),
        ("nose_width", "skin_tone", 0.3),
        ("lashes", "lip_color", 0.4),
    ],
)
def test_what_goes_together(people, name, other, least):
    correlation = np.corrcoef(_column(people, name), _column(people, other))[0, 1]
    assert correlation > least


@pytest.mark.parametrize(
    ("name", "other", "most"),
    [
        ("hair_length", "beard", -0.4),
        ("hair_lightness", "skin_tone", -0.5),
        ("eye_color", "skin_tone", -0.3),
        ("lip_color", "beard", -0.4),
    ],
)
def test_what_excludes_each_other(people, name, other, most):
    correlation = np.corrcoef(_column(people, name), _column(people, other))[0, 1]
    assert correlation < most


@pytest.mark.parametrize("name", ["yaw", "background_hue", "light"])
def test_what_depends_on_nothing(people, name):
    correlations = np.corrcoef(people.T)[face_attributes.index(name)]
    correlations = np.delete(correlations, face_attributes.index(name))
    assert np.abs(correlations).max() < 0.08


def test_the_same_key_draws_the_same_people(people):
    again = face_attributes.sample(jax.random.key(0), 4096)
    np.testing.assert_array_equal(again, people)
    other = face_attributes.sample(jax.random.key(1), 4096)
    assert not np.array_equal(other, people)


def test_a_person_depends_on_their_own_numbers_only():
    normals = jax.random.normal(jax.random.key(0), (6, face_attributes.NUM_NORMALS))
    together = face_attributes.from_normals(normals)
    others = face_attributes.from_normals(normals.at[1:].multiply(2.0)[::-1])
    np.testing.assert_array_equal(others[-1], together[0])
    assert not np.array_equal(others[0], together[-1])


def test_visible_details_need_what_they_belong_to():
    faces = jnp.concatenate(
        [face_attributes.named(), face_attributes.named(beard=1.0, glasses=1.0)]
    )
    visible = np.asarray(face_attributes.visible(faces))
    hidden = {"beard_length", "glasses_shape", "glasses_color"}
    names = np.array(face_attributes.NAMES)
    assert set(names[visible[0] == 0.0]) == hidden
    assert visible[1].all()


def test_named_replaces_values():
    face = face_attributes.named(smile=0.9)
    assert face.shape == (1, face_attributes.NUM_ATTRIBUTES)
    assert face[0, face_attributes.index("smile")] == np.float32(0.9)
    changed = np.flatnonzero(np.asarray(face != face_attributes.default()))
    assert changed.tolist() == [face_attributes.index("smile")]


def test_errors_say_what_there_is():
    with pytest.raises(ValueError, match="'ears'.*'yaw'"):
        face_attributes.index("ears")
    with pytest.raises(ValueError, match="normals"):
        face_attributes.from_normals(jnp.zeros((2, 3)))
