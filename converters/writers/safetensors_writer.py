"""Writes safetensors files."""

import json
import struct
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from converters.readers import arrays


def write(
    file: BinaryIO, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes arrays, sorted by size of type and by name as the format advises.

    Args:
      file: where to write.
      tensors: by name.
      metadata: texts.

    Raises:
      TypeError: an array of a type that the format does not know.
    """
    types = {dtype: name for name, dtype in arrays.SAFETENSORS_DTYPES.items()}
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, object] = {arrays.METADATA: dict(metadata)}
    position = 0
    for name in names:
        array = tensors[name]
        if array.dtype not in types:
            raise TypeError(f"Cannot write {name!r} of {array.dtype} as safetensors.")
        end = position + array.nbytes
        header[name] = {
            "dtype": types[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [position, end],
        }
        position = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for name in names:
        file.write(np.ascontiguousarray(tensors[name]).tobytes())
