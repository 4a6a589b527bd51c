"""The folder of a corpus: what lies where, and what is finished.

| file | what |
|---|---|
| `corpus.json` | settings, their hash, the version; written once |
| `manifest.parquet` | every picture; written once |
| `shards/000017.parquet` | the rows of a finished shard: the only journal |
| `partial/000017.parquet` | rows of a shard that a stopped worker had finished |
| `ws.zarr` | the codes, where the store is zarr3 |
| `reconstructions/000017.tar` | the pictures, where asked for |
| `leases/`, `logs/`, `metrics.prom` | who is at work, and what was done |

A shard is finished when its file is there. Nothing else is asked, or kept.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence

from experiments.corpus import manifest as manifests
from experiments.runs import settings as settings_lib
from experiments.sharing import leases
from experiments.stores import stores, tables, zarr_codes
from jax_encoder.io import files, json_types, loading, locks

SETTINGS = "corpus.json"
PARTIAL, LEASES, LOGS = "partial", "leases", "logs"
RECONSTRUCTIONS = "reconstructions"
_FORMAT = 1
_NAME = re.compile(r"^(\d{6,})\.parquet$")
_CHECKED_BYTES = 1 << 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus that was prepared.

    Attributes:
      root: its folder.
      settings: JSON values on which the rows depend.
      about: further JSON values of `corpus.json`.
      manifest: its pictures.
    """

    root: pathlib.Path
    settings: Mapping[str, json_types.Json]
    about: Mapping[str, json_types.Json]
    manifest: manifests.Manifest

    @property
    def config(self) -> str:
        """The hash of the settings."""
        return digest(self.settings)

    def path(self, shard: int, folder: str = stores.SHARDS) -> pathlib.Path:
        """The file of a shard."""
        ending = ".tar" if folder == RECONSTRUCTIONS else ".parquet"
        return self.root / folder / f"{shard:06d}{ending}"

    def is_done(self, shard: int) -> bool:
        """Whether a shard's file is there."""
        return self.path(shard).is_file()

    def done(self) -> set[int]:
        """The numbers of the shards whose files are there."""
        return set(_numbers(self.root / stores.SHARDS))

    def todo(self) -> list[int]:
        """The numbers of the other shards."""
        finished = self.done()
        return [k for k in range(self.manifest.num_shards) if k not in finished]


def _numbers(folder: pathlib.Path) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if match := _NAME.match(entry.name):
                yield int(match[1])


def digest(settings: Mapping[str, object]) -> str:
    """Sixteen hexadecimal digits that tell settings apart."""
    text = json.dumps(settings_lib.plain(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(root: str | os.PathLike[str]) -> Corpus:
    """Opens the folder of a corpus.

    Args:
      root: the folder.

    Raises:
      LoadError: there is none, or it is damaged.
    """
    root = pathlib.Path(root)
    content = loading.read_json(root / SETTINGS)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise loading.LoadError(root / SETTINGS, "written by another version")
    if digest(content.get("settings", {})) != content.get("config"):
        raise loading.LoadError(root / SETTINGS, "damaged: its hash is not its own")
    return Corpus(
        root=root,
        settings=content["settings"],
        about=content,
        manifest=manifests.read(root / manifests.FILE),
    )


def prepare(
    root: str | os.PathLike[str],
    settings: Mapping[str, object],
    where: Sequence[str],
    *,
    shard_size: int,
    hashes: bool,
    about: Mapping[str, object],
    say=lambda text: None,
) -> Corpus:
    """Makes the folder of a corpus, or opens the one that is there.

    Of several processes that begin at once one lists the pictures and the others wait.

    Args:
      root: the folder, made if missing.
      settings: JSON values on which the rows depend.
      where: what to list, of `manifest.write`; asked for the first time only.
      shard_size: pictures per shard.
      hashes: of `manifest.write`.
      about: further JSON values to keep.
      say: is told what takes long.

    Raises:
      SettingsError: the folder is that of a corpus with other settings.
      UsageError: there are no pictures.
      WriteError: the folder cannot be written to.
    """
    root = files.make_directory(root)
    settings = settings_lib.plain(settings)
    while not (root / SETTINGS).is_file():
        with (
            contextlib.suppress(locks.LockedError),
            locks.hold(root, ".preparing.lock"),
        ):
            if not (root / SETTINGS).is_file():
                say("Listing the pictures, once.")
                _make(root, settings, where, shard_size, hashes, about)
            break
        time.sleep(0.5)
    corpus = read(root)
    changes = settings_lib.differences(corpus.settings, settings)
    if changes:
        raise settings_lib.SettingsError(
            f"{str(root)!r} holds codes of other settings ({changes}). Give the same"
            " ones to go on with it, or choose another --output_dir."
        )
    for folder in (stores.SHARDS, LEASES, LOGS):
        files.make_directory(root / folder)
    return corpus


def _make(root, settings, where, shard_size, hashes, about) -> None:
    files.remove_leftovers(root)
    found = manifests.write(root / manifests.FILE, where, shard_size, hashes=hashes)
    content = {
        "format": _FORMAT,
        "config": digest(settings),
        "settings": settings,
        "pictures": found.num,
        "manifest_sha256": found.digest,
        **about,
    }
    files.write_json(root / SETTINGS, content)


def damaged(
    corpus: Corpus, shards: Sequence[int], *, is_full: bool | None = None
) -> dict[int, str]:
    """Finds finished shards whose files are not what they should be.

    Args:
      corpus: of the shards.
      shards: to look at.
      is_full: read everything, with its checksums; False: what the files say of
        themselves; None: everything up to a GiB in all.

    Returns:
      What is wrong, by the number of the shard.
    """
    paths = {shard: corpus.path(shard) for shard in shards}
    if is_full is None:
        is_full = sum(path.stat().st_size for path in paths.values()) <= _CHECKED_BYTES
    found = {}
    for shard, path in paths.items():
        reason = _fault(corpus, shard, path, is_full=is_full)
        if reason:
            found[shard] = reason
    return found


def _fault(corpus: Corpus, shard: int, path: pathlib.Path, *, is_full: bool) -> str:
    """What is wrong with a shard's file; "" where nothing is."""
    try:
        num, about = tables.describe(path)
        if is_full:
            tables.read(path)
    except loading.LoadError as error:
        return error.reason
    wanted = corpus.manifest.size(shard)
    if num != wanted:
        return f"{num} rows where the manifest has {wanted}"
    if about.get("config") != corpus.config:
        return f"of other settings ({about.get('config')}, not {corpus.config})"
    return ""


def with_failures(corpus: Corpus) -> list[int]:
    """The finished shards that hold failed pictures.

    Args:
      corpus: of the shards.

    Raises:
      LoadError: a file is damaged.
    """
    return [shard for shard in sorted(corpus.done()) if failures(corpus, shard)]


def failures(corpus: Corpus, shard: int) -> list[str]:
    """The ids of the failed pictures of a finished shard.

    Args:
      corpus: of the shard.
      shard: its number.

    Raises:
      LoadError: its file is damaged.
    """
    rows = tables.read(corpus.path(shard), ["id", "status"])
    pairs = zip(rows["id"].to_pylist(), rows["status"].to_pylist(), strict=True)
    return [name for name, status in pairs if status == "failed"]


def sweep(corpus: Corpus) -> int:
    """Removes what killed workers left behind, once every shard is finished.

    Args:
      corpus: where shards are missing, or a worker holds a lease, nothing is done.

    Returns:
      The number of files removed.
    """
    if corpus.todo() or leases.are_held(corpus.root / LEASES):
        return 0
    num = files.remove_leftovers(corpus.root)
    for folder in (stores.SHARDS, PARTIAL, LEASES, LOGS, RECONSTRUCTIONS):
        if (corpus.root / folder).is_dir():
            num += files.remove_leftovers(corpus.root / folder)
    for path in (corpus.root / PARTIAL).glob("*.parquet"):
        path.unlink(missing_ok=True)
        num += 1
    if (corpus.root / stores.ZARR).is_dir():
        num += zarr_codes.remove_leftovers(corpus.root / stores.ZARR)
    for path in (corpus.root / LEASES).glob("*.lease"):
        path.unlink(missing_ok=True)
        num += 1
    for folder in (PARTIAL, LEASES):
        with contextlib.suppress(OSError):  # Somebody is still at work in it.
            (corpus.root / folder).rmdir()
    return num
