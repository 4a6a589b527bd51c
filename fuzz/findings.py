"""Files that once cost a reader minutes or gigabytes, or raised what they must not.

Each was made after reading the code: no random change of a whole file finds them. They
join the seeds of the fuzzer, and a test holds every one to 5 seconds, 1 GiB and
ConversionError.
"""

import io
import json
import struct
import zipfile
from collections.abc import Iterator

from fuzz import opcodes as op
from tests.converters import streams

_PATH = b"cpathlib\nPosixPath\n"
_DEVICE = b"ctorch\ndevice\n"
_RECORD = b"ctypes\nSimpleNamespace\n"
_TEXT = 12 << 20


def make() -> dict[str, bytes]:
    """The files by name."""
    return dict([*_texts(), *_names(), *_shapes(), *_counts(), *_headers()])


def _doubled_list(times: int) -> bytes:
    """A list of two of a list of two ..., which any text of it repeats 2**times."""
    return b"]q\x00" + b"(h\x00h\x00lq\x00" * times


def _texts() -> Iterator[tuple[str, bytes]]:
    """Texts that are joined, shown, split or compared again and again."""
    double = b"(h\x00h\x00tRq\x00"
    start = op.text(b"a" * 64) + b"q\x00"
    yield "path_doubled", op.program(start, (_PATH + double) * 60)
    yield "device_doubled", op.program(start, (_DEVICE + double) * 60)
    many = b"(" + b"h\x00" * 500_000 + b"tR"
    yield (
        "path_of_many",
        op.program(op.text(b"a" * 4096) + b"q\x00", _PATH, many),
    )
    several = b"(" + b"h\x00" * 30 + b"tR0"
    yield (
        "many_paths",
        op.program(op.text(b"a" * 4096) + b"q\x00", (_PATH + several) * 40_000),
    )
    yield (
        "device_of_lists",
        op.program(_doubled_list(60), b"0", _DEVICE, b"(h\x00tR"),
    )
    yield "device_of_itself", op.program(b"]q\x00h\x00a0", _DEVICE, b"(h\x00tR")
    lines = op.text(b"\n" * _TEXT) + b"q\x00"
    yield (
        "lines_of_every_leaf",
        op.program(b"]", lines, b"0(" + b"h\x00" * 15_000 + b"e"),
    )
    equal = op.text(b"a" * _TEXT) + b"q\x00" + op.text(b"a" * _TEXT) + b"q\x01"
    yield "equal_keys", op.program(equal, b"}h\x00Ns" + b"h\x01Ns" * 300_000)


def _names() -> Iterator[tuple[str, bytes]]:
    """Long names and argument lists, used by many objects."""
    name = op.text(b"a" * _TEXT) + b"q\x00"
    yield "global_of_many", op.program(name, b"h\x00h\x00\x93" * 300_000)
    arguments = b"(" + b"N" * 300_000 + b"tq\x00" + _RECORD + b"q\x01"
    yield "arguments_of_many", op.program(arguments, b"h\x00R0h\x01" * 200_000)
    kind = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\nq\x01"
    meta = (
        b"}(" + op.text(b"class_name") + b"h\x00" + op.text(b"state") + b"}u\x85q\x02"
    )
    objects = b"](" + b"h\x01h\x02R" * 18_000 + b"e"
    yield "class_of_many", op.program(name, kind, meta, objects)
    storage = _storage(b"h\x00") + b"0"
    keys = op.program(name, storage * 20_000, b"N")
    yield "key_of_many", _zip({"archive/data.pkl": keys})
    scalar = (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n("
        + op.text(b"f4")
        + b"\x89\x88tRC\x04\x00\x00\x00\x00tRq\x03"
    )
    state = op.text(b"variables") + b"](" + (b"(h\x00h\x03l") * 9_000 + b"e"
    state += op.text(b"version") + b"K\x04" + op.text(b"static_kwargs") + b"}"
    network = b"cdnnlib.tflib.network\nNetwork\n)\x81q\x04}(" + state + b"ub0"
    networks = b"h\x04h\x04h\x04\x87"
    yield "variables_of_long_names", op.program(name, scalar, network, networks)


def _storage(key: bytes) -> bytes:
    kind = op.text(b"storage") + b"ctorch\nFloatStorage\n"
    return b"(" + kind + key + op.text(b"cpu") + b"K\x04tQ"


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _tensor(storage: bytes, size: bytes) -> bytes:
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\x00"
        + size
        + size
        + b"\x89NtR"
    )


def _shapes() -> Iterator[tuple[str, bytes]]:
    """Shapes that are no shapes."""
    storage = _storage(op.text(b"0"))
    sizes = {
        "bytes": b"\x8e" + struct.pack("<Q", 30 << 20) + bytes(30 << 20),
        "itself": b"]q\x00h\x00a",
        "text": op.text(b"a" * _TEXT),
    }
    for name, size in sizes.items():
        content = b"\x80\x04" + _tensor(storage, size) + b"."
        members = {"archive/data.pkl": content, "archive/data/0": bytes(16)}
        yield f"size_of_{name}", _zip(members)
    axes = ",".join(["1"] * 4_000_000)
    yield "axes.safetensors", _safetensors(f"[{axes}]")
    for name, length in (("overflow", 2**63 - 1), ("large", 2**47)):
        yield f"{name}.safetensors", _safetensors(f"[0,{length},{length}]", 0)
    yield "lengths.safetensors", _safetensors("[" + ",".join(["9" * 4000] * 1000) + "]")


def _safetensors(shape: str, end: int = 4, more: str = "") -> bytes:
    entry = f'"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]'
    text = f'{{{more}"a":{{{entry}}}}}'.encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def _npy(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _counts() -> Iterator[tuple[str, bytes]]:
    """Very many small parts, each of which takes its time to begin."""
    header = _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}") + bytes(4)
    yield "arrays.npz", _zip({f"{k:05x}.npy": header for k in range(60_000)})
    stream = streams.torch_legacy(
        streams.storage("1", "FloatStorage", 1, "cpu", None), {"1": (1, bytes(4))}
    )
    load = b"ctorch.storage\n_load_from_bytes\nq\x000C" + bytes([len(stream)]) + stream
    many = b"\x85q\x010" + b"h\x00h\x01R0" * 100_000 + b"N"
    yield "streams_of_many", op.program(load, many)


def _headers() -> Iterator[tuple[str, bytes]]:
    """Headers of arrays that NumPy itself cannot make, and deep JSON."""
    form = "{'descr': %s, 'fortran_order': False, 'shape': %s}"
    huge = f"(0, {2**47}, {2**47})"
    yield "overflow.npy", _npy(form % ("'<f4'", huge))
    yield "wide_item.npy", _npy(form % ("'|V2147483647'", "(0, 4611686018427387904)"))
    yield "inner_array.npy", _npy(form % ("('<f4', (100000, 100000))", "(0,)"))
    yield "overflow.npz", _zip({"a.npy": _npy(form % ("'<f4'", huge))})
    note = json.dumps({"jax_encoder": "[" * 200_000})
    marks = ("synthesis.b4.const", "synthesis.b4.conv1.affine.weight")
    more = f'"__metadata__":{note},'
    for mark in marks:
        more += f'"{mark}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},'
    yield "deep_note.safetensors", _safetensors("[1]", 4, more)
