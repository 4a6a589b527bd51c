import io

import pytest

from jax_encoder.io import progress


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_lines_tell_speed_and_remaining_time():
    stream, clock = io.StringIO(), Clock()
    with progress.track(
        10, done=2, description="Inverting", stream=stream, clock=clock
    ) as bar:
        clock.now += 5
        bar.advance(1)  # too soon for a line
        clock.now += 5
        bar.advance(1, "loss 0.5")
        clock.now += 30
        bar.advance(6)
    assert stream.getvalue().splitlines() == [
        "Inverting 4.0/10, 0.2 pictures/s, 30 s left, loss 0.5",
        "Inverting 10.0/10, 0.2 pictures/s, 0 s left",
    ]


def test_the_last_line_is_always_printed():
    stream, clock = io.StringIO(), Clock()
    bar = progress.Progress(1, stream=stream, clock=clock)
    clock.now += 1
    for _ in range(10):
        bar.advance(0.1)
    assert stream.getvalue() == "1.0/1, 1 pictures/s, 0 s left\n"


def test_compilation_is_left_out_of_the_speed():
    clock = Clock()
    bar = progress.Progress(10, stream=io.StringIO(), clock=clock)
    assert bar.speed == 0
    clock.now += 99
    bar.advance(1)
    assert bar.speed == 1 / 99
    clock.now += 2
    bar.advance(1)
    assert bar.speed == 0.5


def test_a_bar_on_a_terminal():
    stream = Terminal()
    with progress.track(4, description="Inverting", stream=stream) as bar:
        bar.advance(2, "loss 0.5")
        bar.say("b.png: empty")
        bar.advance(2)
    shown = stream.getvalue()
    assert "Inverting" in shown
    assert "100%" in shown
    assert "pictures/s" in shown
    assert "\rb.png: empty\n" in shown or "b.png: empty\n" in shown


def test_messages_without_a_terminal():
    stream = io.StringIO()
    progress.Progress(1, stream=stream).say("b.png: empty")
    assert stream.getvalue() == "b.png: empty\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_duration(seconds, text):
    assert progress.duration(seconds) == text
