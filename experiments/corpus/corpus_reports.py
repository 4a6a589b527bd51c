"""How far a corpus is: for people, for programs (JSON) and for Prometheus."""

import collections
import dataclasses
import pathlib
import time
from collections.abc import Mapping

from experiments.corpus import layout
from experiments.sharing import leases
from experiments.stores import tables
from jax_encoder.io import files, loading, progress

METRICS = "metrics.prom"
_WINDOW = 900.0  # seconds over which the rate is taken
_SECONDS_BETWEEN = 10.0


@dataclasses.dataclass(frozen=True)
class Counted:
    """What a finished shard holds.

    Attributes:
      statuses: pictures by status.
      reasons: failed pictures by reason.
      time: when its file was written, by the clock of the disk.
    """

    statuses: Mapping[str, int]
    reasons: Mapping[str, int]
    time: float

    @property
    def num(self) -> int:
        """Its pictures."""
        return sum(self.statuses.values())


def _count(path: pathlib.Path) -> Counted:
    rows = tables.read(path, ["status", "reason"])
    statuses = rows["status"].to_pylist()
    reasons = [
        reason
        for status, reason in zip(statuses, rows["reason"].to_pylist(), strict=True)
        if status == "failed"
    ]
    return Counted(
        collections.Counter(statuses),
        collections.Counter(reasons),
        path.stat().st_mtime,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorpusStatus:
    """The state of a corpus.

    Attributes:
      root: its folder.
      num: pictures in all.
      num_done: of finished shards.
      num_failed: of these, without a code.
      num_shards: in all.
      num_shards_done: finished ones.
      rate: pictures per second of late; 0 where nothing is known.
      reasons: failed pictures by reason, the most frequent first.
      holders: what the leases say, by the number of the shard.
      damaged: what is wrong with files that cannot be read, by the shard.
    """

    root: pathlib.Path
    num: int
    num_done: int
    num_failed: int
    num_shards: int
    num_shards_done: int
    rate: float
    reasons: Mapping[str, int]
    holders: Mapping[int, Mapping[str, object]]
    damaged: Mapping[int, str]

    @classmethod
    def of(
        cls, corpus: layout.Corpus, known: dict[int, Counted] | None = None
    ) -> "CorpusStatus":
        """Looks at the folder.

        Args:
          corpus: was prepared.
          known: what was counted before; is added to.
        """
        known = {} if known is None else known
        faults: dict[int, str] = {}
        for shard in corpus.done() - known.keys():
            try:
                known[shard] = _count(corpus.path(shard))
            except loading.LoadError as error:
                faults[shard] = error.reason
            except FileNotFoundError:
                continue  # It was taken away to be done again.
        reasons: collections.Counter = collections.Counter()
        for counted in known.values():
            reasons.update(counted.reasons)
        return cls(
            root=corpus.root,
            num=corpus.manifest.num,
            num_done=sum(counted.num for counted in known.values()),
            num_failed=sum(reasons.values()),
            num_shards=corpus.manifest.num_shards,
            num_shards_done=len(known),
            rate=_rate(list(known.values())),
            reasons=dict(reasons.most_common()),
            holders=dict(leases.holders(corpus.root / layout.LEASES)),
            damaged=faults,
        )

    @property
    def is_complete(self) -> bool:
        """Whether every shard is finished."""
        return self.num_shards_done == self.num_shards

    @property
    def seconds_left(self) -> float | None:
        """Until the end, at the rate of late; None where it is not known."""
        return (self.num - self.num_done) / self.rate if self.rate else None

    def sentence(self) -> str:
        """The state in a sentence."""
        text = f"{self.num_done} of {self.num} pictures in {self.root}"
        if self.num_failed:
            text += f", {self.num_failed} of them failed"
        if self.is_complete:
            remedy = "; --retry_failed does those once more"
            return f"{text}{remedy * bool(self.num_failed)}."
        left = self.num_shards - self.num_shards_done
        return f"{text}; {left} of {self.num_shards} shards are missing."

    def text(self) -> str:
        """The state in a few lines."""
        lines = [self.sentence()]
        if self.rate:
            lines.append(f"{self.rate:.3g} pictures/s of late")
        if self.seconds_left and not self.is_complete:
            end = time.strftime(
                "%F %H:%M", time.localtime(time.time() + self.seconds_left)
            )
            lines[-1] += f", {progress.duration(self.seconds_left)} left: until {end}"
        owners = {
            f"{holder.get('owner', '?')}{' (dead)' * leases.is_gone(holder)}"
            for holder in self.holders.values()
        }
        if owners:
            lines.append(
                f"{len(owners)} workers hold shards: {', '.join(sorted(owners))}"
            )
        lines += [
            f"  {count} failed: {reason}" for reason, count in self.reasons.items()
        ]
        lines += [f"  shard {k} is damaged: {why}" for k, why in self.damaged.items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """The state as JSON values."""
        fields = dataclasses.asdict(self)
        fields["root"] = str(self.root)
        return fields | {
            "seconds_left": self.seconds_left,
            "is_complete": self.is_complete,
        }


def _rate(counted: list[Counted]) -> float:
    """Pictures per second over the last minutes in which any were finished."""
    times = sorted(counted, key=lambda one: one.time)
    recent = [one for one in times if one.time >= times[-1].time - _WINDOW]
    seconds = recent[-1].time - recent[0].time if recent else 0.0
    # The first one's work was done before the span begins.
    return sum(one.num for one in recent[1:]) / seconds if seconds > 0 else 0.0


def write_metrics(
    corpus: layout.Corpus, status: CorpusStatus, path: pathlib.Path | None = None
) -> None:
    """Writes the state for Prometheus's collector of text files.

    Args:
      corpus: of the state.
      status: the state.
      path: the file; by default `metrics.prom` in the corpus.

    Raises:
      WriteError: the disk is full or read-only.
    """
    about = f'{{corpus="{corpus.root.name}",config="{corpus.config}"}}'
    values = {
        "pictures": (status.num, "Pictures in all."),
        "pictures_done": (status.num_done, "Pictures of finished shards."),
        "pictures_failed": (status.num_failed, "Pictures without a code."),
        "shards": (status.num_shards, "Shards in all."),
        "shards_done": (status.num_shards_done, "Finished shards."),
        "shards_held": (len(status.holders), "Shards that a worker holds."),
        "pictures_per_second": (status.rate, "Of the last minutes."),
    }
    lines = []
    for name, (value, text) in values.items():
        full = f"jax_encoder_corpus_{name}"
        lines += [
            f"# HELP {full} {text}",
            f"# TYPE {full} gauge",
            f"{full}{about} {value}",
        ]
    files.write_bytes(path or corpus.root / METRICS, ("\n".join(lines) + "\n").encode())


class Watch:
    """Reports while workers work: a line and the metrics, every few seconds."""

    def __init__(self, corpus: layout.Corpus):
        """Keeps what was counted, so that a shard is read once."""
        self._corpus = corpus
        self._known: dict[int, Counted] = {}
        self._last = time.monotonic()
        self._bar: progress.Progress | None = None
        self._shown = 0

    def __call__(self) -> None:
        """Looks and reports, where it is time."""
        if time.monotonic() - self._last < _SECONDS_BETWEEN:
            return
        self._last = time.monotonic()
        status = CorpusStatus.of(self._corpus, self._known)
        if self._bar is None:
            self._shown = status.num_done
            self._bar = progress.Progress(
                status.num, done=status.num_done, description="Encoding"
            )
        if status.num_done > self._shown:  # There is no speed to tell before.
            self._bar.advance(status.num_done - self._shown)
        self._shown = status.num_done
        write_metrics(self._corpus, status)
