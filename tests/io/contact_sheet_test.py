import numpy as np
import pytest

from jax_encoder.io import contact_sheet


def flat(value, height=16, width=16):
    return np.full((height, width, 3), value, np.float32)


def find(sheet, color):
    """Bounding box (top, left, bottom, right) of a color."""
    rows, columns = np.nonzero((sheet == np.array(color, np.uint8)).all(-1))
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


def test_pictures_stand_in_their_places_unchanged():
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = [np.full((16, 16, 3), c, np.uint8) for c in colors]
    sheet = contact_sheet.draw([pictures[:2], pictures[2:]])
    boxes = [find(sheet, color) for color in colors]
    for top, left, bottom, right in boxes:
        assert (bottom - top, right - left) == (160, 160)
    assert boxes[0][0] == boxes[1][0] < boxes[2][0]
    assert boxes[0][1] == boxes[2][1] < boxes[1][1]
    np.testing.assert_array_equal(sheet[0, 0], [255] * 3)


def test_labels_and_captions_add_ink_outside_the_pictures():
    pictures = [[flat(1.0), flat(1.0)]]
    plain = contact_sheet.draw(pictures)
    assert (plain == 255).all()
    for option in (
        {"title": "Title"},
        {"captions": [["LPIPS 0.1", ""]]},
        {"row_labels": ["row"]},
        {"column_labels": ["a", "b"]},
    ):
        sheet = contact_sheet.draw(pictures, **option)
        assert (sheet < 255).any(), option
        assert sheet.size > plain.size


def test_long_texts_are_shortened_not_wider():
    pictures = [[flat(0.0)]]
    sheet = contact_sheet.draw(pictures, captions=[["x"]], title="x")
    long = "a long name " * 40
    longer = contact_sheet.draw(pictures, captions=[[long]], title=long)
    assert sheet.shape == longer.shape
    assert (longer[:, -2:] == 255).all()


def test_other_shapes_are_centered_and_none_stays_empty():
    wide = np.zeros((80, 160, 3), np.uint8)
    sheet = contact_sheet.draw([[wide, None]])
    top, left, bottom, right = find(sheet, (0, 0, 0))
    assert (bottom - top, right - left) == (80, 160)
    assert sheet.shape[1] > 2 * 160


def test_large_pictures_are_reduced():
    sheet = contact_sheet.draw([[np.zeros((2000, 2000, 3), np.uint8)]])
    assert max(sheet.shape) < 700


def test_comparison_shows_the_difference():
    sheet = contact_sheet.comparison(
        [flat(-0.5)], [flat(0.0)], names=["a"], captions=["LPIPS 0.1"], contrast=1.0
    )
    expected = [64, 128, 64]  # target, reconstruction, |0.0 - -0.5| above black
    top, left, bottom, right = find(sheet, (128, 128, 128))
    assert sheet[(top + bottom) // 2, (left + right) // 2, 0] == expected[1]
    step = right - left
    row = sheet[(top + bottom) // 2]
    assert row[left - step // 2, 0] == expected[0]
    assert row[right + step // 2, 0] == expected[2]


@pytest.mark.parametrize("num", [1, 6, 7, 25])
def test_comparison_of_many(num):
    pictures = [flat(0.0)] * num
    sheet = contact_sheet.comparison(pictures, pictures)
    assert max(sheet.shape) / min(sheet.shape[:2]) < 5


def test_errors():
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet.draw([])
    with pytest.raises(ValueError, match=r"rows of \[1\]; got rows of \[2\]"):
        contact_sheet.draw([[flat(0.0)]], captions=[["a", "b"]])
    with pytest.raises(ValueError, match="2 row labels for 1 rows"):
        contact_sheet.draw([[flat(0.0)]], row_labels=["a", "b"])
    with pytest.raises(ValueError, match="2 column labels for 1 columns"):
        contact_sheet.draw([[flat(0.0)]], column_labels=["a", "b"])
    with pytest.raises(ValueError, match="got 1, 2, 1 and 1"):
        contact_sheet.comparison([flat(0.0)], [flat(0.0)] * 2)
