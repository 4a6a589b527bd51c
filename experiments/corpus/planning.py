"""What a corpus would take, told before it is begun: `--dry_run`."""

import concurrent.futures
import dataclasses
import pathlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator

from experiments.corpus import corpus_flags, layout, manifest, network_session, sessions
from experiments.corpus import shards as shards_lib
from experiments.sharing import picture_loop
from jax_encoder.io import progress

_SECONDS = 30.0


def describe(plan: corpus_flags.CorpusPlan) -> str:
    """Lists the pictures, encodes some of a shard, and tells what all would take.

    Args:
      plan: what was asked for; nothing is written to its folder.

    Returns:
      A few lines.

    Raises:
      UsageError: there are no pictures.
      Failure: a network cannot be read.
    """
    with tempfile.TemporaryDirectory() as place:
        root = pathlib.Path(place)
        found = _manifest(plan, root)
        corpus = layout.Corpus(root=root, settings={}, about={}, manifest=found)
        sizes = [e.size for k in range(found.num_shards) for e in found.shard(k)]
        known = [size for size in sizes if size >= 0]
        # A table to judge by takes its time once, whatever the corpus.
        job = dataclasses.replace(plan.job, verdicts="none")
        session = network_session.make(dataclasses.replace(plan, job=job), corpus)
        num, seconds = _measure(corpus, session)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    kind = session.layout
    row = kind.num_ws * kind.w_dim * (2 if kind.dtype == "float16" else 4)
    whole = seconds / num * found.num
    lines = [
        f"{found.num} pictures in {found.num_shards} shards of {plan.shard_size}",
        f"{_bytes(sum(known))} to read"
        + (
            f" and {len(sizes) - len(known)} of unknown size"
            * (len(known) < len(sizes))
        ),
        f"{_bytes(row * found.num)} of codes to write, before compression",
        f"{_bytes(memory)} of memory per worker, {plan.num_workers} workers",
        f"{num / seconds:.3g} pictures/s measured on {num} pictures of one shard:"
        f" {progress.duration(whole)} for one worker,"
        f" {progress.duration(whole / plan.num_workers)} for {plan.num_workers} with a"
        " device each",
    ]
    return "\n".join(lines)


def _manifest(plan: corpus_flags.CorpusPlan, root: pathlib.Path) -> manifest.Manifest:
    """The manifest of the corpus, or of one that is listed for this."""
    own = plan.output / manifest.FILE
    if own.is_file():
        return manifest.read(own)
    print("Listing the pictures.", file=sys.stderr)
    path = root / manifest.FILE
    return manifest.write(path, plan.images, plan.shard_size, hashes=False)


def _measure(corpus: layout.Corpus, session: sessions.Session) -> tuple[int, float]:
    """Pictures of the first shard that were encoded, and the seconds they took.

    The first batch, which compiles, does not count where there is a second one.
    """
    shard = shards_lib.Shard(number=0, entries=corpus.manifest.shard(0))
    marks: list[tuple[int, float]] = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ahead = 2 * session.batch_size
        load = picture_loop.loader(session)
        pictures = picture_loop.read_ahead(shard.missing(), load, pool, ahead)
        begin = time.monotonic()
        for part in _batches(pictures, session.batch_size):
            one = shards_lib.Shard(number=0, entries=shard.entries)
            places = {place for place, _ in part}
            one.rows = {k: {} for k in range(len(shard.entries)) if k not in places}
            shards_lib.encode(one, iter(part), session, "")
            marks.append((len(part), time.monotonic()))
            if time.monotonic() - marks[0][1] > _SECONDS:
                break
    if len(marks) == 1:
        return marks[0][0], marks[0][1] - begin
    return sum(num for num, _ in marks[1:]), marks[-1][1] - marks[0][1]


def _batches(pictures: Iterator, size: int) -> Iterator[list]:
    batch = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"
