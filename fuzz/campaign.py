"""A long campaign of structured fuzzing, which any session may go on with.

    python -m fuzz.campaign --folder=runs/fuzz --seconds=3600

Draws files for every reader, whole families at a time, in one process and without
subprocesses: some thousand a second. `counts.json` in the folder is written every few
seconds and read at the start, so that the draws go on where the last campaign ended; a
file is a function of its family's name and seed. A finding is written with what it
raised.
"""

import argparse
import collections
import json
import pathlib
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator

from fuzz import grammars, own_files, readers, siblings, structured

_MAX_SECONDS = 5.0
_SAVE_EVERY = 15.0
_MAX_KEPT = 200
_OWN = "own "


class TooLongError(BaseException):
    """A reader took more than its processor time; no reader catches this."""


def _stop(*_) -> None:
    raise TooLongError


def families() -> dict[str, Callable[[int], Iterator[bytes]]]:
    """What makes the files of a seed, by the name under which they are counted."""

    def family(name):
        return lambda seed: siblings.family(name, seed)

    def single(name):
        return lambda seed: iter((grammars.make(name, seed),))

    def own(name):
        return lambda seed: iter((own_files.make(name, seed),))

    plain = [name for name in grammars.GRAMMARS if name not in siblings.FAMILIES]
    return {
        **{name: family(name) for name in siblings.FAMILIES},
        **{name: single(name) for name in plain},
        **{_OWN + name: own(name) for name in own_files.targets()},
    }


def attempt(name: str, content: bytes) -> str:
    """Reads one file: "accepted", "refused", or what went wrong.

    Args:
      name: of its family.
      content: of the file.
    """
    before = structured.peak_memory()
    signal.setitimer(signal.ITIMER_VIRTUAL, _MAX_SECONDS, 0.5)
    try:
        if name.startswith(_OWN):
            is_accepted = own_files.check(name.removeprefix(_OWN), content)
        else:
            is_accepted = readers.check(content)
    except TooLongError:
        return "slow"
    except Exception:
        return f"raised\n{traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if structured.peak_memory() > before + structured.MAX_KIBIBYTES:
        return "large"
    return "accepted" if is_accepted else "refused"


class Campaign:
    """Counts and findings, in a folder."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self._path = folder / "counts.json"
        found = json.loads(self._path.read_text()) if self._path.is_file() else {}
        self.counts = collections.Counter(found.get("counts", {}))
        self.seconds: float = found.get("processor_seconds", 0.0)
        self.seed: int = found.get("next_seed", 0)
        self.findings: list[str] = found.get("findings", [])
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, seconds: float) -> None:
        """Draws and reads for a while; see the module.

        Args:
          seconds: how long.
        """
        makers = families()
        signal.signal(signal.SIGVTALRM, _stop)
        end = saved = time.monotonic()
        end += seconds
        spent = time.process_time()
        while (now := time.monotonic()) < end:
            for name in self._turn(makers):
                for index, content in enumerate(makers[name](self.seed)):
                    self._one(name, index, content)
            self.seed += 1
            if now > saved + _SAVE_EVERY:
                self.seconds += time.process_time() - spent
                saved, spent = now, time.process_time()
                self.save()
        self.seconds += time.process_time() - spent
        self.save()

    def _turn(self, names: Iterable[str]) -> list[str]:
        """The families of a seed: all of foreign files, two of our own in turn."""
        own = [name for name in names if name.startswith(_OWN)]
        first = 2 * self.seed % len(own)
        return [name for name in names if name not in own] + (own * 2)[
            first : first + 2
        ]

    def _one(self, name: str, index: int, content: bytes) -> None:
        outcome = attempt(name, content)
        kind = outcome.partition("\n")[0]
        self.counts[f"{name}: {kind}"] += 1
        if kind not in ("accepted", "refused"):
            found = f"{name.replace(' ', '_')}_{self.seed}_{index}"
            self.findings.append(found)
            if len(self.findings) <= _MAX_KEPT:
                (self.folder / found).write_bytes(content)
                (self.folder / f"{found}.txt").write_text(outcome)

    def save(self) -> None:
        """Writes the counts, whole or not at all."""
        content = {
            "total": sum(self.counts.values()),
            "processor_seconds": round(self.seconds, 1),
            "next_seed": self.seed,
            "findings": self.findings,
            "counts": dict(sorted(self.counts.items())),
        }
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps(content, indent=1))
        scratch.replace(self._path)


def main() -> None:
    """Runs, and prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    options = parser.parse_args()
    campaign = Campaign(options.folder)
    campaign.run(options.seconds)
    total, spent = sum(campaign.counts.values()), campaign.seconds
    sys.stdout.write(
        f"{total:,} files in {spent:.0f} s of one processor"
        f" ({total / max(spent, 1e-9):.0f} a second), {len(campaign.findings)} findings"
        f" {campaign.findings[:20]}\n"
    )


if __name__ == "__main__":
    main()
