"""The one function that all engines share: a shard's pictures become a shard's rows.

`begin` finds the rows that are known already, `encode` makes the others in the loop of
`sharing.picture_loop`, `write` writes. The table comes last: it says that the rest is
there.
"""

import contextlib
import dataclasses
import errno
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from experiments.corpus import layout, sessions
from experiments.launch import signals
from experiments.sharing import picture_bytes, picture_loop
from experiments.stores import stores, tables, zarr_codes
from jax_encoder import __version__
from jax_encoder.io import files, images, json_types, loading


@dataclasses.dataclass(kw_only=True)
class Shard:
    """A shard in work.

    Attributes:
      number: of the shard.
      entries: its pictures.
      rows: per picture, by its place in the shard, as far as they are done.
      ws: `[num_ws, w_dim]` likewise, of those that did not fail.
      images: PNG files likewise, where reconstructions are kept.
    """

    number: int
    entries: Sequence[picture_bytes.Entry]
    rows: dict[int, json_types.Row] = dataclasses.field(default_factory=dict)
    ws: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)
    images: dict[int, bytes] = dataclasses.field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether every picture has its row."""
        return len(self.rows) == len(self.entries)

    @property
    def num_failed(self) -> int:
        """Pictures that have no code."""
        return sum(row["status"] == "failed" for row in self.rows.values())

    def missing(self) -> dict[int, picture_bytes.Entry]:
        """The pictures that have no row yet, by their places."""
        return {k: x for k, x in enumerate(self.entries) if k not in self.rows}


def encode(
    shard: Shard,
    loaded: Iterator[picture_loop.Placed],
    session: sessions.Session,
    config: str,
    *,
    before_last: Callable[[], None] = lambda: None,
) -> None:
    """Encodes the pictures of a shard that have no row yet.

    Args:
      shard: gets the rows; a worker that is asked to stop leaves it incomplete.
      loaded: places and pictures, of `picture_loop.read_ahead`.
      session: computes.
      config: hash of the settings, for the rows.
      before_last: called once all pictures are read and the last batch is at hand.
    """

    def keep(
        place: int,
        picture: picture_bytes.Loaded,
        found: sessions.Encoded | None,
        index: int,
    ) -> None:
        row = _row(picture, session, config)
        if found is not None:
            row |= _outcome(found, index, session)
        shard.rows[place] = row
        if found is None or row["status"] == "failed":
            return
        shard.ws[place] = found.ws[index]
        if found.images is not None:
            shard.images[place] = _png(found.images[index])

    num = len(shard.missing())
    with contextlib.suppress(signals.Stopped):
        picture_loop.encode(loaded, num, session, keep, before_last=before_last)


def _row(picture: picture_bytes.Loaded, session: sessions.Session, config: str) -> dict:
    """A row before anything was computed: a failed one."""
    entry = picture.entry
    return {
        "position": entry.position,
        "id": entry.id,
        "uri": entry.uri,
        "bytes": picture.num_bytes or max(entry.size, 0),
        "sha256": picture.sha256 or entry.sha256,
        "status": "failed",
        "reason": picture.reason,
        "note": picture.note,
        "verdict": "",
        "seed": sessions.seed_of(session.seed, entry.id),
        "config": config,
        "version": __version__,
    }


def _outcome(
    found: sessions.Encoded, index: int, session: sessions.Session
) -> dict[str, object]:
    """What a row says of a picture that was computed."""
    ws = found.ws[index].astype(session.layout.dtype)
    if not np.isfinite(ws).all():
        reason = (
            "its code is not finite; choose another --start, or --codes_dtype=float32"
        )
        return {"reason": reason}
    measures = {name: float(found.measures[name][index]) for name in found.measures}
    told: dict[str, object] = {
        name: value if np.isfinite(value) else None for name, value in measures.items()
    }
    is_diverged = bool(found.is_diverged[index])
    told["status"] = "diverged" if is_diverged else "ok"
    if is_diverged:
        told["reason"] = "its loss became NaN; the best code before that is kept"
    told["verdict"] = session.judge(told)
    if found.attributes is not None:
        names = session.layout.attributes
        scores = map(float, found.attributes[index])
        told |= {f"attribute_{k}": v for k, v in zip(names, scores, strict=True)}
    return told


def _png(image: np.ndarray) -> bytes:
    encoded = io.BytesIO()
    images.to_pillow(image).save(encoded, "PNG")
    return encoded.getvalue()


def to_table(shard: Shard, session: sessions.Session, config: str) -> object:
    """The rows of a shard, as many as there are, as a table."""
    places = sorted(shard.rows)
    index = {place: k for k, place in enumerate(places)}
    ws = {index[place]: code for place, code in shard.ws.items()}
    about = {**session.about, "config": config, "shard": shard.number}
    rows = [shard.rows[place] for place in places]
    return tables.table(rows, ws, session.layout, about)


def write(
    shard: Shard, corpus: layout.Corpus, session: sessions.Session, *, is_retry: bool
) -> None:
    """Writes what a shard has: finished, or as a beginning for who takes it next.

    Args:
      shard: to write.
      corpus: to which it belongs.
      session: computed it.
      is_retry: replace the file of an earlier try.

    Raises:
      WriteError: the disk is full or read-only.
    """
    if not is_retry and corpus.is_done(shard.number):
        return  # Another worker took it over, and was faster.
    if not shard.is_complete:
        if (
            not is_retry
            and shard.rows
            and session.layout.has_codes
            and not shard.images
        ):
            files.make_directory(corpus.root / layout.PARTIAL)
            place = corpus.path(shard.number, layout.PARTIAL)
            tables.write(place, to_table(shard, session, corpus.config))
        return
    if not session.layout.has_codes:
        _write_zarr(shard, corpus, session)
    if shard.images:
        _write_tar(shard, corpus)
    try:
        place = corpus.path(shard.number)
        tables.write(place, to_table(shard, session, corpus.config))
    except files.WriteError as error:
        # Another worker took it over, finished it and swept what was left behind.
        if error.errno != errno.ENOENT or not corpus.is_done(shard.number):
            raise
    corpus.path(shard.number, layout.PARTIAL).unlink(missing_ok=True)


def _write_zarr(shard: Shard, corpus: layout.Corpus, session: sessions.Session) -> None:
    kind = session.layout
    values = np.zeros((len(shard.entries), kind.num_ws, kind.w_dim), kind.dtype)
    for place, code in shard.ws.items():
        values[place] = code
    zarr_codes.write(corpus.root / stores.ZARR, shard.entries[0].position, values)


def _write_tar(shard: Shard, corpus: layout.Corpus) -> None:
    files.make_directory(corpus.root / layout.RECONSTRUCTIONS)
    path = corpus.path(shard.number, layout.RECONSTRUCTIONS)
    with files.writing(path) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for place in sorted(shard.images):
            member = tarfile.TarInfo(f"{shard.entries[place].id}.png")
            member.size = len(shard.images[place])
            archive.addfile(member, io.BytesIO(shard.images[place]))


def begin(
    corpus: layout.Corpus, number: int, kind: tables.RowLayout, *, is_retry: bool
) -> Shard:
    """A shard with the rows that are known already.

    Args:
      corpus: to which it belongs.
      number: of the shard.
      kind: of the rows.
      is_retry: keep the rows of its file that did not fail.

    Returns:
      The shard.

    Raises:
      LoadError: the manifest is damaged.
    """
    entries = corpus.manifest.shard(number)
    if is_retry:  # Another copy of a file that was damaged is welcome.
        entries = [
            entry
            if entry.place >= 0
            else dataclasses.replace(entry, size=-1, sha256="")
            for entry in entries
        ]
    shard = Shard(number=number, entries=entries)
    folder = stores.SHARDS if is_retry else layout.PARTIAL
    path = corpus.path(number, folder)
    if path.is_file():
        with contextlib.suppress(loading.LoadError, KeyError):
            _adopt(shard, corpus, path, kind, is_retry=is_retry)
    return shard


def _adopt(
    shard: Shard, corpus, path, kind: tables.RowLayout, *, is_retry: bool
) -> None:
    """Takes over rows that were written before."""
    num, about = tables.describe(path)
    if about.get("config") != corpus.config:
        return
    rows = tables.read(path)
    accounts = rows.drop_columns(["ws"] if kind.has_codes else []).to_pylist()
    codes: Mapping[int, np.ndarray] = _codes_of(corpus, rows, accounts, kind)
    first = shard.entries[0].position
    for index, row in enumerate(accounts):
        if row["status"] == "failed" and is_retry:
            continue
        place = row["position"] - first
        if not 0 <= place < len(shard.entries) or row["id"] != shard.entries[place].id:
            raise loading.LoadError(path, "rows of other pictures")
        shard.rows[place] = row
        if index in codes:
            shard.ws[place] = codes[index]
    if is_retry and (corpus.path(shard.number, layout.RECONSTRUCTIONS)).is_file():
        _adopt_images(shard, corpus)


def _codes_of(corpus, rows, accounts, kind: tables.RowLayout) -> dict[int, np.ndarray]:
    if kind.has_codes:
        values, index = tables.codes(rows, kind)
    else:
        index = np.flatnonzero([row["status"] != "failed" for row in accounts])
        places = np.asarray([accounts[k]["position"] for k in index])
        values = zarr_codes.read(corpus.root / stores.ZARR, places)
    return dict(zip(index.tolist(), values, strict=True))


def _adopt_images(shard: Shard, corpus: layout.Corpus) -> None:
    """The reconstructions of a shard that is retried."""
    names = {entry.id: place for place, entry in enumerate(shard.entries)}
    path = corpus.path(shard.number, layout.RECONSTRUCTIONS)
    try:
        with tarfile.open(path, mode="r:") as archive:
            for member in archive:
                place = names.get(member.name.removesuffix(".png"))
                content = archive.extractfile(member) if member.size >= 0 else None
                if place in shard.rows and content is not None:
                    shard.images[place] = content.read(member.size)
    except (OSError, tarfile.TarError) as error:
        raise loading.LoadError(path, f"damaged ({error})") from error
