"""Writes `torch.save` archives without torch."""

import struct
import zipfile
from collections.abc import Iterable, Mapping
from typing import BinaryIO

import numpy as np

_TYPES = {
    np.dtype("float32"): "FloatStorage",
    np.dtype("float16"): "HalfStorage",
    np.dtype("float64"): "DoubleStorage",
    np.dtype("int64"): "LongStorage",
    np.dtype("int32"): "IntStorage",
    np.dtype("uint8"): "ByteStorage",
    np.dtype("bool"): "BoolStorage",
}
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ALIGNMENT = 64


def write(file: BinaryIO, tree: Mapping[str, object], name: str = "archive") -> None:
    """Writes nested dicts of arrays so that `torch.load(weights_only=True)` reads them.

    Args:
      file: where to write; seekable.
      tree: texts to arrays, numbers, texts, None, or dicts of the same.
      name: the folder inside the archive.

    Raises:
      TypeError: `tree` holds something else.
    """
    writer = _Writer()
    pickled = b"\x80\x02" + writer.encode(tree) + b"."
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, file, f"{name}/data.pkl", pickled)
        _add(archive, file, f"{name}/byteorder", b"little")
        for key, array in enumerate(writer.arrays):
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            _add(archive, file, f"{name}/data/{key}", little.tobytes())
        _add(archive, file, f"{name}/version", b"3\n")


def _add(archive: zipfile.ZipFile, file: BinaryIO, name: str, content: bytes) -> None:
    """Adds a member whose content begins at a multiple of 64, as torch wants it."""
    info = zipfile.ZipInfo(name, _EPOCH)
    start = file.tell() + 30 + len(name) + 4
    padding = -start % _ALIGNMENT
    info.extra = struct.pack("<HH", 0x4246, padding) + bytes(padding)
    archive.writestr(info, content)


class _Writer:
    """Pickles protocol 2 by hand; remembers the arrays it met."""

    def __init__(self):
        self.arrays: list[np.ndarray] = []

    def encode(self, value: object) -> bytes:
        """The opcodes that push `value`."""
        if isinstance(value, Mapping):
            items = (self.encode(k) + self.encode(v) for k, v in value.items())
            return b"}(" + b"".join(items) + b"u"
        if isinstance(value, np.ndarray):
            return self._tensor(value)
        if isinstance(value, bool) or value is None:
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        if isinstance(value, int):
            return _integer(value)
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        if isinstance(value, str):
            return _text(value)
        raise TypeError(f"Cannot write a {type(value).__name__} for torch.")

    def _tensor(self, array: np.ndarray) -> bytes:
        if array.dtype not in _TYPES:
            raise TypeError(f"Cannot write an array of {array.dtype} for torch.")
        key = len(self.arrays)
        self.arrays.append(array)
        strides = [int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim)]
        storage = (
            b"("
            + _text("storage")
            + _global("torch", _TYPES[array.dtype])
            + _text(str(key))
            + _text("cpu")
            + _integer(array.size)
            + b"tQ"
        )
        return (
            _global("torch._utils", "_rebuild_tensor_v2")
            + b"("
            + storage
            + _integer(0)
            + _integers(array.shape)
            + _integers(strides)
            + b"\x89"
            + _global("collections", "OrderedDict")
            + b")RtR"
        )


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    encoded = text.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _integer(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + struct.pack("<q", value)


def _integers(values: Iterable[int]) -> bytes:
    return b"(" + b"".join(_integer(int(value)) for value in values) + b"t"
