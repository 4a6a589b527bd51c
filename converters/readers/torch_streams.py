"""The two containers of `torch.save`, read without torch.

- zip, torch 1.6 and later: `<name>/data.pkl`, and the storages as `<name>/data/<key>`;
  also that of TorchScript, beside whose weights lies a program that nobody runs;
- the legacy stream: five pickles (magic number, protocol, system, object, keys), then
  every storage as its length and its bytes. NVIDIA's pickles hold one such stream per
  storage.
"""

import struct
from collections.abc import Callable

import numpy as np

from converters import conversion_errors
from converters.readers import budget as budgets
from converters.readers import pickles, tensors, torch_programs, zips
from jax_encoder.nn.checks import describe

MAGIC = 0x1950A86A20F9469CFC6C
MAGIC_BYTES = b"\x8a\n" + MAGIC.to_bytes(10, "little")
_PROTOCOL = 1001
_MAX_KEY = 200

Symbols = Callable[[str, str], object]


class StorageType(pickles.Symbol):
    """A global such as `torch.FloatStorage`.

    Attributes:
      dtype: of the elements.
    """

    def __init__(self, name: str, dtype: np.dtype):
        super().__init__(name)
        self.dtype = dtype


def read_zip(
    archive: zips.Archive, *, symbols: Symbols, budget: budgets.Budget
) -> object:
    """Reads the object of a zip archive.

    Args:
      archive: of `torch.save`.
      symbols: the stand-ins for globals.
      budget: what reading may cost.

    Raises:
      ConversionError: damaged, or not to be read without running code.
    """
    root = _root(archive)
    is_program = any(name.startswith(f"{root:s}code/") for name in archive.members)
    symbols = torch_programs.symbols(symbols) if is_program else symbols
    order = "little"
    if f"{root:s}byteorder" in archive.members:
        content = archive.read(f"{root:s}byteorder")
        order = budget.decode(content[:16], "latin-1")
    storages: dict[str, tensors.Storage] = {}

    def persistent(identifier: object) -> tensors.Storage:
        kind, key, numel, _ = _parse(identifier, budget)
        dtype = _ordered(kind.dtype, order)
        if key not in storages:
            content = archive.read(f"{root:s}data/{key:s}")
            if numel * dtype.itemsize > len(content):
                raise conversion_errors.ConversionError(
                    f"a storage of {describe(numel)} elements in {len(content)} bytes",
                    entry=f"{root:s}data/{key:s}",
                )
            storages[key] = tensors.Storage(dtype, numel, content)
        if storages[key].dtype != dtype or storages[key].numel != numel:
            raise conversion_errors.ConversionError(
                f"two storages share the key {describe(key)}"
            )
        return storages[key]

    name = f"{root:s}data.pkl"
    reader = pickles.Unpickler(
        archive.read(name), symbols=symbols, budget=budget, persistent=persistent
    )
    with conversion_errors.guard(entry=name):
        found = reader.load()
        return torch_programs.state_dict(found, budget) if is_program else found


def _is_root(name: str) -> bool:
    return name.partition("/")[2] == "data.pkl"


def _root(archive: zips.Archive) -> str:
    names = [name for name in archive.members if _is_root(name)]
    if len(names) != 1:
        raise conversion_errors.ConversionError("the archive holds no single data.pkl")
    return names[0].removesuffix("data.pkl")


def _ordered(dtype: np.dtype, order: str) -> np.dtype:
    if order == "little":
        return dtype
    if order == "big" and dtype.kind != "V":
        return dtype.newbyteorder(">")
    raise conversion_errors.ConversionError(
        f"storages in the byte order {describe(order)}"
    )


def read_legacy(
    data: memoryview, *, symbols: Symbols, budget: budgets.Budget
) -> object:
    """Reads the object of a legacy stream.

    The object comes before the storages that its tensors view. So it is interpreted
    twice: once to learn where the storages lie, once to make the tensors.

    Args:
      data: the stream.
      symbols: the stand-ins for globals.
      budget: what reading may cost.

    Raises:
      ConversionError: damaged, or not to be read without running code.
    """
    position = 0
    header = []
    for _ in range(3):
        reader = pickles.Unpickler(
            data, symbols=_no_symbols, budget=budget, position=position
        )
        header.append(reader.load())
        position = reader.position
    if header[0] != MAGIC or header[1] != _PROTOCOL:
        raise conversion_errors.ConversionError(
            "not a legacy torch file of a known version"
        )
    if isinstance(header[2], dict) and header[2].get("little_endian") is False:
        raise conversion_errors.ConversionError(
            "a torch file in big-endian order; save it again"
        )
    declared: dict[str, tensors.Storage] = {}
    reader = pickles.Unpickler(
        data,
        symbols=symbols,
        budget=budget,
        position=position,
        persistent=lambda identifier: _declare(identifier, declared, budget),
    )
    reader.load()
    keys_at = reader.position
    storages = _storages(data, keys_at, declared, budget)
    reader = pickles.Unpickler(
        data,
        symbols=symbols,
        budget=budget,
        position=position,
        persistent=lambda identifier: _declare(identifier, storages, budget),
    )
    return reader.load()


def _no_symbols(module: str, name: str) -> object:
    raise conversion_errors.ConversionError(
        f"refused: {describe(module)} {describe(name)} in the header of the file"
    )


def _declare(
    identifier: object, storages: dict[str, tensors.Storage], budget: budgets.Budget
) -> tensors.Storage:
    """The storage of a persistent identifier; a part of it where it says so."""
    kind, key, numel, part = _parse(identifier, budget)
    storage = storages.get(key)
    if storage is None:
        storage = storages[key] = tensors.Storage(kind.dtype, numel, None)
    if storage.dtype != kind.dtype or storage.numel != numel:
        raise conversion_errors.ConversionError(
            f"two storages share the key {describe(key)}"
        )
    if part is None:
        return storage
    _, offset, size = budget.items(part, limit=3)
    if not budgets.is_count(offset) or not budgets.is_count(size):
        raise conversion_errors.ConversionError("a view of a storage without sizes")
    return storage.part(offset, size)


def _parse(
    identifier: object, budget: budgets.Budget
) -> tuple[StorageType, str, int, object]:
    """Takes ("storage", type, key, location, numel[, part]) apart."""
    if (
        not isinstance(identifier, tuple)
        or len(identifier) not in (5, 6)
        or not isinstance(identifier[0], str | bytes)
        or identifier[0] not in ("storage", b"storage")
        or not isinstance(identifier[1], StorageType)
        or not budgets.is_count(identifier[4])
    ):
        raise conversion_errors.ConversionError(
            "a tensor's reference to its storage is damaged"
        )
    key = budget.characters(identifier[2], _MAX_KEY, "the key of a storage")
    return identifier[1], key, identifier[4], (*identifier, None)[5]


def _storages(
    data: memoryview,
    position: int,
    declared: dict[str, tensors.Storage],
    budget: budgets.Budget,
) -> dict[str, tensors.Storage]:
    """Reads the list of keys at `position`, and the storages behind it."""
    reader = pickles.Unpickler(
        data, symbols=_no_symbols, budget=budget, position=position
    )
    keys = [
        budget.characters(key, _MAX_KEY, "the key of a storage")
        for key in budget.items(reader.load())
    ]
    if set(keys) != declared.keys() or len(set(keys)) != len(keys):
        raise conversion_errors.ConversionError(
            "the storages are not those that the tensors name"
        )
    position, found = reader.position, {}
    for key in keys:
        dtype, numel = declared[key].dtype, declared[key].numel
        length = bytes(data[position : position + 8])
        start, end = position + 8, position + 8 + numel * dtype.itemsize
        if len(length) != 8 or end > len(data):
            raise conversion_errors.ConversionError(
                f"the file ends within a storage of {describe(numel)} elements: it was"
                " cut short",
                entry=f"storage {describe(key)}",
            )
        if struct.unpack("<q", length)[0] != numel:
            raise conversion_errors.ConversionError(
                "a storage with another length than declared",
                entry=f"storage {describe(key)}",
            )
        found[key] = tensors.Storage(dtype, numel, data[start:end])
        position = end
    return found
