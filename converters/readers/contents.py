"""Reads any checkpoint file as plain values and arrays, running nothing of it."""

import dataclasses
import mmap
import os
import pathlib
import stat

from converters import conversion_errors
from converters.readers import arrays, pickles, symbols, torch_streams, zips
from converters.readers import budget as budgets

_REFUSALS = {
    b"\x89HDF": "an HDF5 file; save the weights as .npz or safetensors",
    b"<!DO": "a web page: the download went wrong (Google Drive answers so when its"
    " quota is used up); download it again",
    b"<htm": "a web page: the download went wrong; download it again",
    b"vers": "a Git LFS pointer, not the file itself; run `git lfs pull`",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"BZh": "a bzip2 archive; unpack it first",
}


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes:
      path: the file.
      container: "torch zip", "torch legacy", "pickle", "npz", "npy" or "safetensors".
      tree: dicts, lists, tuples, sets, scalars, texts, bytes, arrays (read-only views
        of the file) and `Record`s. Foreign input: any part may be missing, of another
        type, or refer back to a part that holds it.
    """

    path: str
    container: str
    tree: object


def read(path: str | os.PathLike[str]) -> Contents:
    """Reads a checkpoint.

    Args:
      path: the file.

    Raises:
      ConversionError: it cannot be read safely; says which file, where and why.
    """
    source = os.fspath(path)
    with conversion_errors.guard(source):
        data = _map(pathlib.Path(path))
        container, tree = parse(data)
    return Contents(source, container, tree)


def _map(path: pathlib.Path) -> memoryview:
    """The bytes of a file, paged in on demand."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise conversion_errors.ConversionError(
            "a directory, not a checkpoint; bundles are read with jax_encoder.io.load"
        )
    if not stat.S_ISREG(mode):
        raise conversion_errors.ConversionError("not a regular file")
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise conversion_errors.ConversionError(
                "the file is empty; download it again"
            )
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def parse(data: memoryview) -> tuple[str, object]:
    """Recognizes the container by its first bytes, and reads it.

    Args:
      data: the whole file.

    Returns:
      the container's name and the tree.

    Raises:
      ConversionError: unknown, damaged or refused.
    """
    with conversion_errors.guard():
        return _parse(data, bytes(data[:512]), budgets.Budget(len(data)))


def _parse(data: memoryview, head: bytes, budget: budgets.Budget) -> tuple[str, object]:
    if head.startswith(b"PK\x03\x04"):
        archive = zips.Archive(data)
        if any(name.endswith("data.pkl") for name in archive.members):
            return "torch zip", torch_streams.read_zip(
                archive, symbols=symbols.find, budget=budget
            )
        return "npz", arrays.read_npz(archive, budget)
    if head.startswith(arrays.NPY_MAGIC):
        return "npy", arrays.read_npy(data, budget)
    if arrays.is_safetensors(head, len(data)):
        return "safetensors", arrays.read_safetensors(data, budget)
    if head[:1] == b"\x80":
        if head[2:14] == torch_streams.MAGIC_BYTES:
            return "torch legacy", torch_streams.read_legacy(
                data, symbols=symbols.find, budget=budget
            )
        reader = pickles.Unpickler(data, symbols=symbols.find, budget=budget)
        return "pickle", reader.load()
    raise conversion_errors.ConversionError(_unknown(head))


def _unknown(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, reason in _REFUSALS.items():
        if text.startswith(magic.lower()):
            return reason
    if head[257:262] == b"ustar":
        return "a tar archive, perhaps of torch 0.1; save it again with torch"
    return (
        "no checkpoint: neither torch.save (zip or legacy), pickle of protocol 2 to 5,"
        " npz, npy nor safetensors"
    )
