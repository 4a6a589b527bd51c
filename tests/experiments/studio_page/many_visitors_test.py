"""Several visitors, hostile ones among them, at a real server."""

import io
import os
import pathlib
import random
import re
import time

import numpy as np
import pytest
from PIL import Image

from tests.experiments.studio_page import hostile_files, served

pytestmark = pytest.mark.browser

EXAMPLE = "generated_1.png"
EXAMPLES = served.ROOT / "jax_encoder" / "assets" / "examples"
_PATH = re.compile(rb"/(?:tmp|home|root|work|usr|var|opt)/")


@pytest.fixture(scope="module")
def address():
    """A server whose first program is ready."""
    with served.studio() as process:
        visitor = served.Visitor(process.address)
        visitor.act("example", name=EXAMPLE)
        _invert(visitor)
        visitor.wait(served.finished(1))
        process.visitor = visitor
        yield process


def _invert(visitor, **more):
    ids = [upload["id"] for upload in visitor.state()["uploads"]]
    answer = visitor.act("invert", uploads=ids, preset="fast", **more)
    assert "error" not in answer, answer


def test_hostile_files_are_refused_in_a_sentence(address):
    visitor = served.Visitor(address.address)
    told = [
        visitor.send("picture", name, content)
        for name, content in hostile_files.pictures(100)
    ]
    told += [visitor.send("codes", *file) for file in hostile_files.codes()]
    told += [visitor.send("directions", *file) for file in hostile_files.codes()]
    assert len(told) == 100 + 2 * len(hostile_files.codes())
    for answer in told:
        sentence = answer.get("error", "")
        assert sentence.endswith((".", "!", "?")), answer
        assert not _PATH.search(sentence.encode()), sentence
    assert not visitor.state()["uploads"]
    assert not visitor.state()["tray"]
    assert not pathlib.Path("/tmp/studio_escape.npy").exists()
    assert "upload" in visitor.act("example", name=EXAMPLE)  # the server lives


def test_uploads_that_are_too_large_are_refused(address):
    visitor = served.Visitor(address.address)
    answer = visitor.send("picture", "large.png", bytes(33 << 20))
    assert "32 MiB" in answer["error"]


def test_visitors_do_not_see_each_other(address):
    stranger = served.Visitor(address.address)
    own = address.visitor.state()
    assert not stranger.state()["tray"]
    job, name = own["jobs"][0]["id"], own["tray"][0]["name"]
    for kind, what in (("job", job), ("code", name), ("target", "1")):
        assert "error" in stranger.ask(f"api/picture/{kind}/{what}")
    assert "error" in stranger.act("edit", name=name, strengths={})


def test_no_path_leaves_the_server(address):
    visitor = address.visitor
    name = visitor.state()["tray"][0]["name"]
    answers = [
        repr(visitor.act("hello")).encode(),
        repr(visitor.state()).encode(),
        "".join(served.metadata(visitor.act("save", names=[name]))).encode(),
    ]
    for answer in answers:
        assert not _PATH.search(answer)


def test_a_photograph_is_cropped_and_pasted_back(address):
    visitor = served.Visitor(address.address)
    pixels = np.full((100, 150, 3), 90, np.uint8)
    pixels[18:82, 43:107] = np.asarray(Image.open(EXAMPLES / EXAMPLE).convert("RGB"))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    upload = visitor.send("picture", "holiday.png", buffer.getvalue())["upload"]
    assert visitor.act("align", uploads=[upload], align="center") == {"problems": []}
    (shown,) = visitor.state()["uploads"]
    assert shown["align"] == "center"
    assert shown["quad"][0] == pytest.approx([24.5, -0.5], abs=0.6)
    _invert(visitor)
    (entry,) = visitor.wait(served.finished(1))["tray"]
    assert entry["has_frame"]
    content = visitor.act("edit", name=entry["name"], strengths={}, paste=True)
    pasted = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert pasted.shape == pixels.shape
    np.testing.assert_array_equal(pasted[:, :20], pixels[:, :20])
    assert np.abs(pasted.astype(int) - pixels).max() > 5
    (text,) = served.metadata(visitor.act("save", names=[entry["name"]]))
    assert not _PATH.search(text.encode())
    assert '"frame"' in text
    visitor.act("end")


def test_eight_visitors_get_their_share(address):
    alone = _seconds([served.Visitor(address.address)])[0]
    together = _seconds([served.Visitor(address.address) for _ in range(8)])
    fair = 8 * alone
    served.note(f"alone {alone:.1f} s, together {[round(t, 1) for t in together]}")
    assert max(together) <= 1.5 * fair


def _seconds(visitors):
    """How long each waits for its inversion, all begun at once."""
    for visitor in visitors:
        visitor.act("example", name=EXAMPLE)
    start = {}
    for visitor in visitors:
        start[visitor] = time.monotonic()
        _invert(visitor)
    seconds = {}
    while len(seconds) < len(visitors):
        for visitor in visitors:
            is_done = visitor not in seconds and served.finished(1)(visitor.state())
            if is_done:
                seconds[visitor] = time.monotonic() - start[visitor]
        time.sleep(0.2)
    return list(seconds.values())


def test_random_clicking_leaves_memory_flat(address):
    """Minutes of it by the environment's STUDIO_MINUTES; one by default."""
    minutes = float(os.environ.get("STUDIO_MINUTES", "1"))
    visitor, clicks = address.visitor, _Clicks(address.visitor)
    _go(clicks, 0.3 * minutes)  # everything has been compiled and drawn once
    before = _memory(address.pid)
    _go(clicks, 0.7 * minutes)
    after = _memory(address.pid)
    served.note(f"{clicks.num} clicks, {before >> 20} MiB, then {after >> 20} MiB")
    assert clicks.num > 20 * minutes
    assert after < before + (48 << 20) + 0.03 * before
    assert "error" not in visitor.act("hello")


def _go(clicks, minutes):
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        clicks.one()


def _memory(pid):
    """Bytes of a process that are in memory."""
    fields = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


class _Clicks:
    """Does what a visitor may do, at random."""

    def __init__(self, visitor):
        self.visitor, self.num = visitor, 0
        self.dice = random.Random(0)
        visitor.act("keep", seed=1)
        self.names = [entry["name"] for entry in visitor.state()["tray"]]

    def one(self):
        """One click."""
        self.num += 1
        dice, visitor = self.dice, self.visitor
        action = dice.choice(
            ["edit", "edit", "still", "place", "seeds", "keep", "film"]
        )
        if action == "edit":
            chosen = dice.sample(["smile", "age", "yaw", "glasses", "sefa:1"], 2)
            strengths = {name: round(dice.uniform(-3, 3), 2) for name in chosen}
            psi = dice.choice([1.0, 0.7])
            answer = visitor.act(
                "edit", name=dice.choice(self.names), strengths=strengths, psi=psi
            )
        elif action == "still":
            shape, color = dice.random(), dice.random()
            answer = visitor.act(
                "still", names=self.names[:2], shape=shape, color=color
            )
        elif action == "place":
            answer = visitor.act("place", x=dice.uniform(-1, 1), y=dice.uniform(-1, 1))
        elif action == "seeds":
            answer = visitor.act("seeds", seeds=f"{dice.randrange(90)}", psi=0.7)
        elif action == "film":
            answer = visitor.act(
                "film",
                names=self.names[:2],
                kind="gif",
                side=64,
                seconds=0.4,
                easing="cosine",
                schedule="together",
            )
        else:
            kept = visitor.act("keep", seed=dice.randrange(1000), psi=0.7)
            answer = visitor.act("remove", name=kept["name"])
        assert not (isinstance(answer, dict) and "error" in answer), answer
