import json
import pathlib
import unicodedata

import hypothesis
from hypothesis import strategies as st

from jax_encoder.io import names

P = pathlib.Path


@hypothesis.given(st.binary(min_size=1, max_size=300).filter(lambda b: b"/" not in b))
def test_any_bytes_become_a_name_that_can_be_written(content):
    name = names.safe(content.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
    assert name.encode().decode() == name == names.safe(name)
    assert len(name.encode()) <= 180
    assert name.isprintable() or not any(ord(c) < 32 for c in name)
    json.dumps(name).encode()


def test_safe_names_say_what_was_there():
    assert names.safe("x\udcff") == "x%FF"
    assert names.safe("a\nb\\c") == "a%0Ab%5Cc"
    assert names.safe("a$\\frac$") == "a$%5Cfrac$"
    assert names.safe(unicodedata.normalize("NFD", "é")) == "é"
    assert names.safe("中文_ü") == "中文_ü"


def test_long_names_keep_apart():
    first, second = names.safe("a" * 300 + "b"), names.safe("a" * 300 + "c")
    assert first != second
    assert len(first) == 180


def test_names_mirror_folders():
    paths = [P("r/a/0.png"), P("r/b/0.png"), P("r/c.png")]
    assert list(names.unique(paths).values()) == ["a/0", "b/0", "c"]
    assert list(names.unique(paths, P("r")).values()) == ["a/0", "b/0", "c"]
    assert list(names.unique(paths[:1]).values()) == ["0"]
    assert list(names.unique(paths[:1], "r").values()) == ["a/0"]
    assert list(names.unique([P("/x/a.png")], "r").values()) == ["a"]


def test_names_do_not_depend_on_the_order_of_clashing_pictures():
    paths = [P("a.png"), P("A.webp"), P("b.png")]
    expected = {paths[0]: "a_png", paths[1]: "A_webp", paths[2]: "b"}
    assert names.unique(paths) == expected
    assert names.unique(paths[::-1]) == expected


def test_composed_and_decomposed_accents_are_one_name():
    paths = [P("é.png"), P("e\u0301.png")]
    assert sorted(names.unique(paths).values()) == ["é_png", "é_png-2"]


def test_taken_names_are_given_to_nobody():
    paths = [P("summary.jpg"), P("Summary_jpg.png"), P("x.jpg")]
    named = names.unique(paths, taken=("summary", "contact_sheet"))
    assert named == dict(zip(paths, ["summary_jpg-2", "Summary_jpg", "x"], strict=True))


_STEMS = st.sampled_from(["a", "A", "a_png", "é", "e\u0301", "x\udcff", "summary"])


@hypothesis.given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "d", "e/f"]),
            _STEMS,
            st.sampled_from(["", ".png", ".PNG", ".webp"]),
        ),
        max_size=20,
    )
)
def test_every_picture_has_a_name_of_its_own(places):
    paths = {P("r", folder, stem + end) for folder, stem, end in places}
    named = names.unique(sorted(paths), "r", taken=("summary",))
    keys = [unicodedata.normalize("NFC", name).casefold() for name in named.values()]
    assert set(named) == paths
    assert len(set(keys)) == len(keys)
    assert "summary" not in keys


def test_letters_that_a_font_lacks():
    assert names.drawable("Zoë 中.png", str.isascii) == "Zoe <4E2D>.png"
    assert names.drawable("ok", str.isascii) == "ok"
    assert names.safe_path("/a/x\udcff.png") == "/a/x%FF.png"
    assert names.safe_path("a/b.png") == "a/b.png"
