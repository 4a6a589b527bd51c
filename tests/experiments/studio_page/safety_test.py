"""Who may come in, and what the studio tells."""

import pytest

from experiments.launch import command_line
from experiments.studio_page import safety


@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1", "127.0.0.2", "::1"])
def test_loopback_asks_for_no_token(host):
    door = safety.door(host, None)
    assert not door.is_public
    assert not door.token


def test_other_hosts_get_a_token():
    doors = [safety.door("0.0.0.0", None) for _ in range(2)]
    assert all(door.is_public and len(door.token) > 20 for door in doors)
    assert doors[0].token != doors[1].token
    assert doors[0].opens(doors[0].token)
    assert not doors[0].opens("")
    assert not doors[0].opens(doors[1].token)


def test_short_tokens_and_tokens_of_loopback_are_refused():
    with pytest.raises(command_line.UsageError, match="12 letters"):
        safety.door("0.0.0.0", "secret")
    with pytest.raises(command_line.UsageError, match="loopback needs none"):
        safety.door(None, "a-long-enough-token")


def test_pages_elsewhere_do_not_reach_loopback_by_their_own_name():
    door = safety.door(None, None)
    assert door.knows_host("localhost:7860")
    assert door.knows_host("127.0.0.1:7860")
    assert door.knows_host("[::1]:7860")
    assert not door.knows_host("evil.example:7860")
    assert not door.knows_host("127.0.0.1.evil.example")


@pytest.mark.parametrize(
    "text",
    [
        "/tmp/studio_x1/tmpabc/picture01.png: damaged; get it again",
        "'/home/someone/models/ffhq': no bundle",
        "cannot open ~/secret/place.npz (denied)",
        "a code of /opt/generators/ffhq.pkl, not of /srv/other/cats.pkl",
    ],
)
def test_no_path_leaves_the_server(text):
    told = safety.sentence(ValueError(text))
    assert told.endswith(".")
    for folder in ("/tmp", "/home", "someone", "secret", "/opt", "/srv", "studio_x1"):
        assert folder not in told


def test_a_sentence_names_files_as_the_visitor_does():
    told = safety.sentence(ValueError("/tmp/x/a1b2.png: empty"), {"a1b2.png": "me.png"})
    assert told == "me.png: empty."


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\me.jpg", "me.jpg"),
        ("..", "picture"),
        ("", "picture"),
        (".hidden.png", "hidden.png"),
        ("a<script>.png", "a_script_.png"),
        ("a,b.npz", "a_b.npz"),
        ("me \u0000.png", "me _00.png"),
    ],
)
def test_names_are_names(sent, shown):
    assert safety.shown_name(sent) == shown


def test_long_names_are_cut():
    assert len(safety.shown_name("x" * 500 + ".png")) <= 80


def test_names_are_unique():
    assert safety.unique_name("a", ["A", "a-2"]) == "a-3"
    assert safety.unique_name("b", ["a"]) == "b"
