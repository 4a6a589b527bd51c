"""Kills runs at random moments, lets them go on, and compares the bits.

    python -m fuzz.kills --scenario=encode_image --folder=runs/kills --num=60
    python -m fuzz.kills --scenario=encode_image --folder=runs/kills --num=12 --signals

A scenario is a small run of one binary. It is done once whole; then runs of it are
killed, some times in a row, and the same command (with `--resume` where the binary has
it) ends the work. What it writes must be the same bits. Three quarters of the kills
wait until some steps are done, the others come after any time. With `--signals` each
run is a process of its own, which gets Ctrl-C or SIGTERM at a random moment from its
very start on, and must say one sentence and exit with 130 or 143.

`<scenario>_kills.json` in the folder counts, and another call goes on from there. For
kills the runs are forks of one process that has imported everything, which halves what
one costs. JAX may not have started in it: it does not survive a fork.
"""

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator

from fuzz import kill_scenarios
from fuzz.kill_scenarios import SCENARIOS, STEP, TINY, Scenario

_TIMEOUT = 1800.0
_SHARE_IN_STEPS = 0.75


def prepare(base: pathlib.Path) -> None:
    """Writes what the scenarios read: tiny bundles, pictures, codes. In a fork."""
    from tests.experiments import tiny

    base.mkdir(parents=True)
    tiny.save(base)
    tiny.write_pictures(base / "photos", "abcdef")
    networks = [text.format(base=base) for text in TINY]
    places = [f"--images={base / 'photos'}", f"--output_dir={base / 'codes'}"]
    command = [sys.executable, "-m", "experiments.encode_image", *networks, *places]
    subprocess.run([*command, "--iterations=5"], check=True)


def start_output(scenario: Scenario, base: pathlib.Path, out: pathlib.Path) -> None:
    """An empty output folder; statistics are written into a copy of the bundle."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if scenario.binary == "latent_statistics":
        shutil.copytree(base / "generator", out / "generator")


def digest(scenario: Scenario, out: pathlib.Path) -> dict[str, str]:
    """The SHA-256 of every result, by its path."""
    paths = [path for pattern in scenario.results for path in out.glob(pattern)]
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(_content(path)).hexdigest()
        for path in sorted(paths)
        if not path.name.startswith((".", "loss_curves", "contact_sheet"))
    }


def _content(path: pathlib.Path) -> bytes:
    """What must not differ: of a bundle's description the digests of its arrays."""
    if path.name != "config.json":
        return path.read_bytes()
    found = json.loads(path.read_text())
    # Not of the files that hold them: those have names that are drawn.
    told = {name: found["digests"][name] for name in ("arrays", "settings")}
    return json.dumps([told, found["files"]], sort_keys=True).encode()


class Campaign:
    """The kills of one scenario, counted in a file."""

    def __init__(self, name: str, folder: pathlib.Path, kind: str):
        self.scenario = SCENARIOS[name]
        self.folder = folder / name
        self.base = folder / "base"
        self._path = folder / f"{name}_{kind}.json"
        self.log = self.folder / f"log_{kind}"
        self.modules = self.folder / "modules.txt"
        self.marks = self.folder / f"letters_{kind}"
        self.result: dict[str, object] = {"attempts": 0, "in_steps": 0, "runs": 0}
        self.result |= {"wrong": [], "codes": {}}
        if self._path.is_file():
            self.result = json.loads(self._path.read_text())
        self.folder.mkdir(parents=True, exist_ok=True)
        self.draw = random.Random(f"{name} {kind} {self.result['attempts']}")

    def save(self) -> None:
        """Writes the counts."""
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps(self.result, indent=1))
        scratch.replace(self._path)

    def command(self, out: pathlib.Path, *, again: bool) -> list[str]:
        """The arguments of a run."""
        arguments = self.scenario.arguments + self.scenario.again * again
        return [text.format(base=self.base, out=out) for text in arguments]

    def reference(self, start: Callable[..., int]) -> tuple[dict[str, str], float, int]:
        """The results of a whole run, twice the same, its seconds and steps."""
        out, seconds, found = self.folder / "whole", 0.0, []
        for _ in range(2):  # the first one compiles
            start_output(self.scenario, self.base, out)
            begin = time.monotonic()
            code = _wait(start(self, out, again=False))
            if code:
                raise SystemExit(f"the whole run ends with {code}: {self.tail()}")
            seconds = time.monotonic() - begin
            found.append(digest(self.scenario, out))
        if found[0] != found[1] or not found[0]:
            raise SystemExit(f"two whole runs differ: {found}")
        return found[1], seconds, self.letters().count(STEP)

    def tail(self) -> str:
        """The end of the run's text."""
        return self.log.read_text(errors="replace")[-2000:]

    def letters(self) -> bytes:
        """What the last run wrote of its steps; see `fuzz.kill_scenarios`."""
        try:
            return self.marks.read_bytes()
        except FileNotFoundError:  # the run has just begun
            return b""

    def is_in_steps(self) -> bool:
        """Whether the run that was just killed was between two of its steps."""
        return self.letters()[-1:] == STEP

    def moment(self, seconds: float, num_steps: int) -> Callable[[float], bool]:
        """Draws when to kill: a function of the seconds since the run's start."""
        if self.draw.random() >= _SHARE_IN_STEPS:
            after = seconds * self.draw.random()
            return lambda passed: passed >= after
        share = 2 / self.scenario.in_a_row if self.scenario.resumes else 1
        wanted = self.draw.randint(1, max(1, int(num_steps * share)))
        return lambda _: self.letters().count(STEP) >= wanted and self.is_in_steps()


def _fork(campaign: Campaign, out: pathlib.Path, *, again: bool) -> int:
    """Starts a run as a fork; its process's number."""
    number = os.fork()
    if number:
        return number
    os.setsid()  # so that what it starts dies with it
    file = os.open(campaign.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    binary = campaign.scenario.binary
    sys.argv = [f"{binary}.py", *campaign.command(out, again=again)]
    code = 3
    try:
        from experiments.launch import command_line

        campaign.marks.unlink(missing_ok=True)
        kill_scenarios.install(campaign.scenario, campaign.marks)
        kill_scenarios.install_stages(campaign.scenario, campaign.marks)
        module = importlib.import_module(f"experiments.{binary}")
        command_line.run(module.main)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        names = "\n".join(sorted(sys.modules))
        campaign.modules.write_text(names)
        os._exit(code)
    raise AssertionError


def _import_all(campaign: Campaign) -> None:
    """Imports here what a whole run imported in the end, so that no other has to."""
    for name in campaign.modules.read_text().split():
        if name not in sys.modules and name.partition(".")[0] != "__main__":
            with contextlib.suppress(Exception), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(name)


def _spawn(campaign: Campaign, out: pathlib.Path, *, again: bool) -> int:
    """Starts a run as a person does; its process's number."""
    name = f"experiments.{campaign.scenario.binary}"
    with open(campaign.log, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", name, *campaign.command(out, again=again)],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return process.pid


def _wait(
    number: int, until: Callable[[float], bool] = lambda passed: passed > _TIMEOUT
) -> int | None:
    """The exit code, negative for a signal's; None if it still runs at the moment."""
    start = time.monotonic()
    while True:
        done, status = os.waitpid(number, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        passed = time.monotonic() - start
        if until(passed) or passed > _TIMEOUT:
            return None
        time.sleep(0.005)


def _kill(number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)
    os.waitpid(number, 0)


def kills(campaign: Campaign, num: int) -> None:
    """Kills runs until `num` kills are counted."""
    importlib.import_module(f"experiments.{campaign.scenario.binary}")
    wanted, seconds, num_steps = campaign.reference(_fork)
    _import_all(campaign)
    campaign.result |= {"seconds": round(seconds, 2), "steps": num_steps}
    while campaign.result["attempts"] < num:
        out = campaign.folder / "killed"
        start_output(campaign.scenario, campaign.base, out)
        begin, told, code = time.monotonic(), [], None
        for index in range(campaign.draw.randint(1, campaign.scenario.in_a_row)):
            number = _fork(campaign, out, again=index > 0)
            code = _wait(number, campaign.moment(seconds, num_steps))
            if code is not None:
                break
            _kill(number)
            campaign.result["attempts"] += 1
            campaign.result["in_steps"] += campaign.is_in_steps()
            told.append(campaign.letters().decode()[-9:])
            campaign.save()
        _finish(campaign, out, wanted, told, code)
        spent = time.monotonic() - begin
        campaign.result["spent"] = round(campaign.result.get("spent", 0) + spent, 1)
        campaign.save()


def _finish(
    campaign, out: pathlib.Path, wanted, told: object, code: int | None
) -> None:
    """Lets a run go on to its end, where it has not come there, and compares."""
    if code is None:
        number = _fork(campaign, out, again=True)
        code = _wait(number)
        if code is None:
            _kill(number)
    found = digest(campaign.scenario, out)
    campaign.result["runs"] += 1
    if code or found != wanted or "Traceback" in campaign.tail():
        kept = campaign.folder / f"wrong_{campaign.result['attempts']}"
        shutil.copytree(out, kept, dirs_exist_ok=True)
        differs = [k for k in wanted if found.get(k) != wanted[k]]
        case = [campaign.result["attempts"], told, code, differs, campaign.tail()]
        campaign.result["wrong"].append(case)
    campaign.save()


def signals(campaign: Campaign, num: int) -> None:
    """Sends Ctrl-C or SIGTERM to runs until `num` are counted."""
    importlib.import_module(f"experiments.{campaign.scenario.binary}")
    wanted, _, _ = campaign.reference(_fork)
    _import_all(campaign)
    out = campaign.folder / "whole_spawned"
    start_output(campaign.scenario, campaign.base, out)
    begin = time.monotonic()
    _wait(_spawn(campaign, out, again=False))
    seconds = time.monotonic() - begin
    while campaign.result["attempts"] < num:
        out = campaign.folder / "stopped"
        start_output(campaign.scenario, campaign.base, out)
        sent = campaign.draw.choice((signal.SIGINT, signal.SIGTERM))
        after = seconds * campaign.draw.random()
        number = _spawn(campaign, out, again=False)
        code = _wait(number, lambda passed, after=after: passed >= after)
        if code is not None:
            continue  # it was done before
        os.kill(number, sent)
        code = _wait(number)
        if code is None:
            _kill(number)
        _judge(campaign, sent, code, [sent.name, round(after, 2)])
        _finish(campaign, out, wanted, [sent.name, round(after, 2)], None)


def _judge(campaign: Campaign, sent: signal.Signals, code: int | None, told) -> None:
    """Counts a signal: one sentence and its exit code, or a run that was done."""
    text, result = campaign.tail(), campaign.result
    result["attempts"] += 1
    result["codes"][str(code)] = result["codes"].get(str(code), 0) + 1
    result["waited"] = result.get("waited", 0) + text.count("saving; again")
    is_said = code == 0 or text.count("interrupted") == 1
    if code not in (128 + sent, 0) or "Traceback" in text or not is_said:
        result["wrong"].append([result["attempts"], *told, code, text])


@contextlib.contextmanager
def _surroundings(folder: pathlib.Path) -> Iterator[None]:
    """A cache of the campaign's own, and one processor's programs for all its runs."""
    os.environ["JAX_ENCODER_CACHE"] = str(folder / "cache")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    yield


def _in_fork(work: Callable[[], None]) -> None:
    """Runs something that starts JAX, in a process of its own."""
    number = os.fork()
    if not number:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    if _wait(number):
        raise SystemExit("cannot prepare the campaign")


def main() -> None:
    """Kills, and prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=SCENARIOS, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--num", type=int, default=60)
    parser.add_argument("--signals", action="store_true")
    options = parser.parse_args()
    folder = options.folder.absolute()
    with _surroundings(folder):
        kind = "signals" if options.signals else "kills"
        campaign = Campaign(options.scenario, folder, kind)
        if not campaign.base.exists():
            _in_fork(lambda: prepare(campaign.base))
        (signals if options.signals else kills)(campaign, options.num)
    found = campaign.result
    sys.stdout.write(
        f"{options.scenario}: {found['attempts']} {kind}, {found['in_steps']} of them"
        f" in steps, {found['runs']} runs ended, {len(found['wrong'])} wrong\n"
    )


if __name__ == "__main__":
    main()
