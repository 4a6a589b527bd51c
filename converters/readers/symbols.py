"""The globals that a checkpoint may name, each as an inert stand-in.

Everything else is refused by name. Nothing here imports or calls what the file names.
"""

from collections.abc import Callable

from converters import conversion_errors
from converters.readers import pickles, records, tensors, torch_streams
from jax_encoder.nn.checks import describe

Symbol = pickles.Symbol
Unpickler = pickles.Unpickler
_MAX_ARGUMENTS = pickles.MAX_ARGUMENTS
_MAX_NAME = 400
_STREAM_STEPS = 150  # what it takes to begin a stream, besides its own steps


def _mapping(unpickler: Unpickler, *args: object) -> dict[object, object]:
    """OrderedDict, defaultdict and the like: a plain dict."""
    items = next((arg for arg in args if isinstance(arg, dict | list | tuple)), ())
    budget = unpickler.budget
    budget.step(len(items))
    pairs = items.items() if isinstance(items, dict) else items
    found = {}
    for pair in pairs:
        key, value = budget.items(pair, limit=2)
        found[pickles.check_key(key, budget)] = value
    return found


def _set(unpickler: Unpickler, items: object = ()) -> set[object]:
    budget = unpickler.budget
    return {pickles.check_key(item, budget) for item in budget.items(items)}


def _list(unpickler: Unpickler, items: object = ()) -> list[object]:
    return [*unpickler.budget.items(items)]


def _tuple(unpickler: Unpickler, items: object = ()) -> tuple[object, ...]:
    return unpickler.budget.items(items)


def _complex(unpickler: Unpickler, real: object, imaginary: object) -> complex:
    if not isinstance(real, int | float) or not isinstance(imaginary, int | float):
        raise TypeError("a complex number of no numbers")
    return complex(real, imaginary)


def _encode(unpickler: Unpickler, text: object, encoding: object = "latin1") -> bytes:
    """`_codecs.encode`: how protocol 2 of Python 3 writes bytes."""
    if not isinstance(text, str) or not isinstance(encoding, str):
        raise TypeError("bytes that are no text")
    if encoding not in ("latin1", "latin-1", "utf-8"):
        raise TypeError("bytes in an unknown encoding")
    unpickler.budget.copy(len(text) * (4 if encoding == "utf-8" else 1))
    return text.encode(encoding)


def _empty_bytes(unpickler: Unpickler, *args: object) -> bytes:
    """`bytes()` and `bytearray(bytes)`."""
    data = args[0] if args else b""
    if not isinstance(data, bytes | memoryview):
        raise TypeError("no bytes")
    return data  # type: ignore[return-value]


def _path(unpickler: Unpickler, *parts: object) -> str:
    return unpickler.budget.join("/", parts, limit=_MAX_ARGUMENTS)


def _device(unpickler: Unpickler, *parts: object) -> str:
    return unpickler.budget.join(":", parts, limit=2)


def _first(unpickler: Unpickler, data: object, *_: object) -> object:
    """`torch._utils._rebuild_parameter`: the tensor itself."""
    return data


def _rebuild_from_type(
    unpickler: Unpickler, function: object, _type: object, args: object, _state: object
) -> object:
    """`torch._tensor._rebuild_from_type_v2`: a tensor with Python attributes."""
    if not isinstance(function, Symbol) or function.call is None:
        raise TypeError("a tensor without a function to rebuild it")
    if function.call is _rebuild_from_type:
        raise TypeError("nested tensor types")
    return function.call(unpickler, *unpickler.budget.items(args, limit=_MAX_ARGUMENTS))


def _reconstructor(
    unpickler: Unpickler, kind: object, _base: object, _state: object
) -> object:
    """`copyreg._reconstructor`, for the inert classes only."""
    if not isinstance(kind, Symbol) or kind.call is None:
        raise TypeError("an object without a class")
    return kind.call(unpickler)


def _persistent_object(unpickler: Unpickler, meta: object) -> records.Record:
    """NVIDIA's persistence: the source text in `module_src` is left alone."""
    if not isinstance(meta, dict):
        raise TypeError("no table of the object")
    name = unpickler.budget.characters(
        meta.get("class_name"), _MAX_NAME, "the name of a class"
    )
    return records.Record(_PERSISTENT, name, meta.get("state"))


_PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"


def _record(kind: str) -> Symbol:
    name = kind.rpartition(".")[2]
    return Symbol(kind, lambda unpickler, *_: records.Record(kind, name, {}))


def _load_from_bytes(unpickler: Unpickler, data: object) -> tensors.Storage:
    """`torch.storage._load_from_bytes`: a nested stream that holds one storage."""
    unpickler.budget.step(_STREAM_STEPS)
    storage = torch_streams.read_legacy(
        tensors.raw_bytes(unpickler, data),
        symbols=find_storage,
        budget=unpickler.budget,
    )
    if not isinstance(storage, tensors.Storage):
        raise TypeError("no storage")
    return storage


_STORAGES: dict[str, Symbol] = {
    f"{module}.{name}": torch_streams.StorageType(f"{module}.{name}", dtype)
    for name, dtype in tensors.STORAGE_DTYPES.items()
    for module in ("torch", "torch.cuda", "torch.storage")
}

_TORCH: dict[str, Callable[..., object]] = {
    "torch._utils._rebuild_tensor": tensors.rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": tensors.rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": tensors.rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch.storage._load_from_bytes": _load_from_bytes,
    "torch.Size": _tuple,
    "torch.device": _device,
}

_NUMPY: dict[str, Callable[..., object]] = {
    "numpy.dtype": tensors.make_dtype,
    **{
        f"numpy.{core}.{name}": call
        for core in ("core", "_core")
        for name, call in {
            "multiarray._reconstruct": lambda unpickler, *_: tensors.PendingArray(),
            "multiarray.scalar": tensors.scalar,
            "numeric._frombuffer": tensors.from_buffer,
        }.items()
    },
}

_PYTHON: dict[str, Callable[..., object]] = {
    "collections.OrderedDict": _mapping,
    "collections.defaultdict": _mapping,
    "collections.Counter": _mapping,
    "dnnlib.util.EasyDict": _mapping,
    "easydict.EasyDict": _mapping,
    "_codecs.encode": _encode,
    **{
        f"{module}.{name}": call
        for module in ("builtins", "__builtin__")
        for name, call in {
            "set": _set,
            "frozenset": _set,
            "list": _list,
            "tuple": _tuple,
            "dict": _mapping,
            "complex": _complex,
            "bytes": _empty_bytes,
            "bytearray": _empty_bytes,
        }.items()
    },
    "copyreg._reconstructor": _reconstructor,
    "copy_reg._reconstructor": _reconstructor,
    "pathlib.PosixPath": _path,
    "pathlib.PurePosixPath": _path,
    "pathlib.WindowsPath": _path,
    _PERSISTENT: _persistent_object,
}

_RECORDS = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "dnnlib.tflib.network.Network",
)

# Values that are named but never called.
_VALUES = (
    "numpy.ndarray",
    "torch.Tensor",
    "torch.nn.parameter.Parameter",
    "builtins.object",
    "__builtin__.object",
    "builtins.int",
    "builtins.float",
)

_TABLE: dict[str, object] = {
    **_STORAGES,
    **{name: Symbol(name, call) for name, call in (_TORCH | _NUMPY | _PYTHON).items()},
    **{name: _record(name) for name in _RECORDS},
    **{name: Symbol(name) for name in _VALUES},
    **{
        f"torch.{name}": records.Record("torch.dtype", name)
        for name in tensors.TORCH_DTYPES
    },
}


def _full_name(module: str, name: str) -> str:
    if len(module) + len(name) > _MAX_NAME:
        raise conversion_errors.ConversionError(
            f"refused: the pickle names a global of {len(module) + len(name):d}"
            f" characters, {describe(module)}"
        )
    return f"{module:s}.{name:s}"


def find(module: str, name: str) -> object:
    """The stand-in for a global.

    Raises:
      ConversionError: the global is not on the list.
    """
    full = _full_name(module, name)
    if full not in _TABLE:
        raise conversion_errors.ConversionError(
            f"refused: the pickle names {describe(full, 200)}, which no known"
            " checkpoint needs and which could run code. Nothing was run. Save the"
            " weights alone (a state dict) with the program that wrote the file"
        )
    return _TABLE[full]


def find_storage(module: str, name: str) -> object:
    """The stand-in for a storage type, the only global inside a nested stream.

    Raises:
      ConversionError: the global is something else.
    """
    full = _full_name(module, name)
    if full not in _STORAGES:
        raise conversion_errors.ConversionError(
            f"refused: a tensor's own stream names {describe(full, 200)}; nothing was"
            " run"
        )
    return _STORAGES[full]
