"""Everybody gets a turn."""

import threading

from experiments.studio_page import turns


class _Counting:
    def __init__(self, log, name, pieces):
        self.log, self.name, self.left = log, name, pieces
        self.is_waiting = False

    def advance(self):
        self.log.append(self.name)
        self.left -= 1
        return self.left > 0


def test_owners_take_turns_however_much_each_has():
    log, line = [], turns.Turns()
    for number in range(3):
        line.add("greedy", _Counting(log, f"greedy {number}", 2))
    line.add("modest", _Counting(log, "modest", 2))
    while line.step():
        pass
    assert log[:4] == ["greedy 0", "modest", "greedy 0", "modest"]
    assert log[4:] == ["greedy 1"] * 2 + ["greedy 2"] * 2


def test_eight_visitors_get_equal_shares():
    log, line = [], turns.Turns()
    for visitor in range(8):
        line.add(visitor, _Counting(log, visitor, 30))
    while line.step():
        pass
    last = {
        visitor: max(i for i, v in enumerate(log) if v == visitor) for visitor in log
    }
    assert min(last.values()) >= len(log) - 8


def test_the_house_waits():
    log, line = [], turns.Turns()
    line.add_house(_Counting(log, "house", 2))
    line.step()
    line.add("a", _Counting(log, "a", 2))
    while line.step():
        pass
    assert log == ["house", "a", "a", "house"]


def test_a_failing_task_harms_nobody():
    class Failing:
        is_waiting = False

        def advance(self):
            raise RuntimeError("a defect")

    log, line = [], turns.Turns()
    line.add("a", Failing())
    line.add("b", _Counting(log, "b", 1))
    while line.step():
        pass
    assert log == ["b"]


def test_a_task_that_was_sent_on_meanwhile_stays():
    log, line = [], turns.Turns()
    task = _Counting(log, "a", 1)
    task.is_waiting = True  # told to go on while its last piece ran
    line.add("a", task)
    line.add("a", task)
    assert line.step()
    task.is_waiting = False
    assert line.step()
    assert not line.step()


def test_dropped_owners_are_gone():
    log, line = [], turns.Turns()
    line.add("a", _Counting(log, "a", 9))
    line.add("b", _Counting(log, "b", 1))
    assert line.ahead("c") == 3
    line.drop("a")
    while line.step():
        pass
    assert log == ["b"]


def test_the_worker_works_and_stops():
    done = threading.Event()

    class Telling:
        is_waiting = False

        def advance(self):
            done.set()
            return False

    line = turns.Turns()
    line.start()
    line.add("a", Telling())
    assert done.wait(10)
    line.close()
