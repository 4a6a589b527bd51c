"""Runs a corpus while somebody kills its processes, and compares what comes out."""

import contextlib
import hashlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
from PIL import Image

from experiments.corpus import layout
from experiments.stores import stores

ROOT = pathlib.Path(__file__).parents[3]


def write_pictures(folder, num, side=64):
    """Smooth pictures, all different, in folders of 500."""
    draw = np.random.default_rng(0)
    for index in range(num):
        place = folder / f"{index // 500:02d}"
        place.mkdir(parents=True, exist_ok=True)
        small = draw.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)
        picture.save(place / f"{index:05d}.png")


def start(binary, *arguments, log, **environment):
    """A binary in a process of its own; what it says goes to a file."""
    with open(log, "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", f"experiments.{binary}", *arguments],
            cwd=ROOT,
            stdout=file,
            stderr=file,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )


def descendants(process):
    """The numbers of all processes below one."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        if state != "Z":
            parents.setdefault(int(parent), []).append(int(path.parent.name))
    found, waiting = [], [process]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def workers_of(leader):
    """The workers of a local leader: children of its fork server."""
    own = []
    for child in descendants(leader):
        try:
            command = pathlib.Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        is_server = b"forkserver" in command
        own += [child] if is_server else []
    grandchildren = {k for child in own for k in descendants(child)}
    return sorted(grandchildren)


def kill(number):
    """SIGKILL; whether there was somebody to kill."""
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def actors_of(leader):
    """The actors of a Ray run: processes that call themselves so."""
    found = []
    for child in descendants(leader):
        with contextlib.suppress(OSError):
            title = pathlib.Path(f"/proc/{child}/cmdline").read_bytes()
            found += [child] if title.startswith(b"ray::RayEncoder") else []
    return found


def kill_actors(leader, shares, share, *, pause=3.0, seed=0):
    """Kills an actor of a run whenever the work done reaches one of some shares."""
    choose, killed = random.Random(seed), 0
    for due in shares:
        while leader.poll() is None and not (alive := _due(due, share, leader)):
            time.sleep(0.5)
        if leader.poll() is not None:
            break
        killed += kill(choose.choice(alive))
        time.sleep(pause)
    return killed


def _due(due, share, leader):
    """The actors, once so much of the work is done."""
    return actors_of(leader.pid) if share() >= due else []


def kill_tree(leader):
    """Kills the driver of a run, then what it would leave behind."""
    below = descendants(leader.pid)
    is_alive = leader.poll() is None
    driver = [k for k in below if b"ray_driver" in _command(k)]
    for number in [*driver, leader.pid]:
        kill(number)
    leader.wait()
    time.sleep(2.0)
    for number in below:
        kill(number)
    return is_alive and bool(driver)


def _command(number):
    try:
        return pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def kill_while_running(begin, *, num, victims, share, pause=2.0, seed=0):
    """Kills workers, and the leader now and then, until it is enough; then waits.

    Kills are spread over the work, so that it goes on however slow the machine is.

    Args:
      begin: starts a leader.
      num: kills in all.
      victims: from a leader's number to those of its workers.
      share: how much of the work is done, 0 to 1.
      pause: the fewest seconds between two kills.
      seed: of the choice.

    Returns:
      Kills of workers, kills of leaders, and the exit code of the last leader.
    """
    choose = random.Random(seed)
    leader = begin()
    killed = {"worker": 0, "leader": 0}
    while (count := sum(killed.values())) < num:
        time.sleep(pause)
        if leader.poll() is not None:
            assert leader.returncode == 0, leader.returncode
            break
        if share() < 0.95 * count / num:
            continue
        alive = victims(leader.pid)
        # Every eighth is the leader's, the fourth the first.
        if count % 8 == 3:
            killed["leader"] += kill(leader.pid)
            leader.wait()
            leader = begin()
        elif alive:
            killed["worker"] += kill(choose.choice(alive))
    return killed["worker"], killed["leader"], leader.wait(timeout=3600)


def share_done(root):
    """How much of a corpus is done, 0 to 1; 0 before it is listed."""
    if not (root / layout.SETTINGS).is_file():
        return 0.0
    corpus = layout.read(root)
    return len(corpus.done()) / corpus.manifest.num_shards


def rows(root):
    """Every row of a store: its account as text, and its code as a digest."""
    found = {}
    for table, values, index in stores.read(root).codes():
        codes = {
            k: hashlib.sha256(v).hexdigest() for k, v in zip(index, values, strict=True)
        }
        accounts = table.drop_columns(["ws"]).to_pylist()
        for k, account in enumerate(accounts):
            assert account["id"] not in found, "a picture has two rows"
            told = {key: v for key, v in account.items() if key != "config"}
            found[account["id"]] = (repr(sorted(told.items())), codes.get(k))
    return found
