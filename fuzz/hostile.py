"""Hostile files of further sorts, made after reading the readers to break them.

Each sort is a weakness that a reader might have; its files vary where it bites. They
are given to the reader whose name stands before the colon.

    python -m fuzz.hostile folder

writes them. `tests/fuzz/hostile_files_test.py` holds each to 5 seconds, 1 GiB and a
refusal or a right result.
"""

import io
import json
import pathlib
import struct
import sys
import zipfile
from collections.abc import Iterator

import numpy as np

from fuzz import hostile_own, own_files, siblings
from fuzz import opcodes as op
from tests.converters import streams

_SIZES = (1, 10, 100, 1_000, 10_000, 100_000, 300_000)


def make() -> dict[str, bytes]:
    """The files by "reader: sort, number"."""
    return dict(draw())


def draw(part: str = "") -> Iterator[tuple[str, bytes]]:
    """Yields the same files one by one; together they take gigabytes.

    Args:
      part: of the names of the sorts that are wanted.
    """
    for sort, (reader, make_files) in SORTS.items():
        if part in sort:
            for index, content in enumerate(make_files()):
                yield f"{reader}: {sort}, {index:02d}", content
    for sort, (readers, make_files) in hostile_own.SORTS.items():
        if part in sort:
            for index, content in enumerate(make_files()):
                for reader in readers:
                    yield f"{reader}: {sort}, {index:02d}", content


_MEMBERS = {"a/data/0": bytes(4096)}
_STORAGE = (
    b"("
    + op.text("storage")
    + b"ctorch\nFloatStorage\n"
    + op.text("0")
    + op.text("cpu")
    + b"M\x00\x04tQ"
)


def _shaped(*shape: int, strides: tuple[int, ...] = ()) -> bytes:
    """A tensor over the one storage; steps of zero where none are given."""
    counts = b"".join(b"J" + struct.pack("<i", n) for n in shape)
    steps = strides or (0,) * len(shape)
    moves = b"".join(b"J" + struct.pack("<i", n) for n in steps)
    head = b"ctorch._utils\n_rebuild_tensor_v2\n("
    return head + _STORAGE + b"K\x00(" + counts + b"t(" + moves + b"t\x89NtR"


def _zip(content: bytes) -> bytes:
    return siblings.stored_zip({"a/data.pkl": content, **_MEMBERS})


def _tables_of_many_names() -> Iterator[bytes]:
    """Every name is compared with the marks of every kind."""
    shapes = ("k{}", "module.k{}.weight", "synthesis.b{}.conv0.weight", "style.{}.bias")
    for form in shapes:
        for size in _SIZES:
            items = b"".join(op.text(form.format(k)) + b"h\x00" for k in range(size))
            yield _zip(op.program(_shaped(4), b"q\x000}(", items, b"u"))


def _deep_tables() -> Iterator[bytes]:
    """Tables inside of tables, as no function that calls itself survives."""
    for key in ("a", "state_dict", "_modules", "g_ema"):
        for depth in (50, 500, 5_000, 200_000):
            head = b"}" + op.text(key)
            yield op.program(head * depth, b"N", b"s" * depth)


def _deep_modules() -> Iterator[bytes]:
    """NVIDIA's modules inside of modules."""
    begin = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}("
    begin += op.text("class_name") + op.text("Generator") + op.text("state") + b"}("
    begin += op.text("_parameters") + b"}" + op.text("_buffers") + b"}"
    begin += op.text("_modules") + b"}(" + op.text("m")
    for depth in (10, 100, 1_000, 20_000):
        yield op.program(
            b"}" + op.text("G_ema"), begin * depth, b"N", b"uuu\x85R" * depth, b"s"
        )


def _codes_of_many_pictures() -> Iterator[bytes]:
    """A small code that a table repeats for very many pictures."""
    for rows, width in ((1, 4), (18, 512), (1, 100_000)):
        for size in _SIZES[2:]:
            names = b"".join(op.text(f"{k}.png") + b"h\x00" for k in range(size))
            yield _zip(op.program(_shaped(1, rows, width), b"q\x000}(", names, b"u"))


def _noise_of_many_pictures() -> Iterator[bytes]:
    """The same with noise maps that many pictures share."""
    for size in (10, 1_000, 100_000):
        entry = b"}(" + op.text("latent") + b"h\x00" + op.text("noise") + b"]h\x01au"
        items = b"".join(op.text(f"{k}") + b"h\x02" for k in range(size))
        maps = _shaped(1, 1, 512, 512)
        head = _shaped(1, 4) + b"q\x000" + maps + b"q\x010" + entry + b"q\x020"
        yield _zip(op.program(head, b"}(", items, b"u"))


def _archive(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


def _many_directions() -> Iterator[bytes]:
    """As many directions as an array has rows."""
    for size in _SIZES:
        yield _archive(eigvec=np.ones((2, size), np.float32))
        comp, mean = np.ones((size, 2), np.float32), np.ones(2, np.float32)
        yield _archive(comp=comp, mean=mean, std=np.ones(size, np.float32))


def _wide_statistics() -> Iterator[bytes]:
    """Components so wide that drawing from them fills the memory."""
    for width in (16, 512, 2048, 4096):
        square, row = np.eye(width, dtype=np.float32), np.ones(width, np.float32)
        yield _archive(X_mean=row, X_comp=square, X_stdev=row)
        w = {"w_avg": row, "w_std": np.float32(1)}
        yield _archive(**w, p_mean=row, p_components=square, p_std=row)


def _many_json_values() -> Iterator[bytes]:
    """JSON whose values take twenty times its size in memory."""
    for piece in ("[]", "{}", '{"a":1}', "1.5", '""', "[[]]"):
        for size in (1_000, 1_000_000, 12_000_000):
            yield ("[" + ",".join([piece] * (size // len(piece))) + "]").encode()
    for digits in (100, 4_000, 5_000, 1_000_000):
        yield b"[" + b"9" * digits + b"]"
    yield b"[" * 100_000
    yield b'{"a":' * 100_000


def _expressions() -> Iterator[bytes]:
    """Headers of arrays whose parsing as Python goes deep."""
    pieces = ("(", "[", "{", "-", "~", "not ", "1+", "1,", "'a'", "lambda:", "a.", "1j")
    for piece in pieces:
        for size in (50, 900, 9_000):
            text = (piece * size)[:9_500].encode() + b"\n"
            yield b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    form = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n"
    for shape in (
        "(" + "1," * 4000 + ")",
        "(1e5,)",
        "(True,)",
        "('a',)",
        "(-1,)",
        "()",
    ):
        text = (form % shape).encode()
        yield b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text + bytes(8)


def _directories() -> Iterator[bytes]:
    """Directories of archives with very many, very long or strange members."""
    header = own_files.npy(np.ones(1, np.float32))
    for size in (10, 4_000, 60_000):
        yield siblings.stored_zip({f"{k}.npy": header for k in range(size)})
        members = {f"{'x' * 60_000}{k}.npy": header for k in range(min(size, 140))}
        yield siblings.stored_zip(members)
    whole = siblings.stored_zip({"a.npy": header})
    for field, value in ((10, 0), (8, 65_535), (16, 2**32 - 1), (12, 2**32 - 1)):
        layout = "<H" if value < 65_536 else "<I"
        raw = struct.pack(layout, value)
        place = len(whole) - 22 + field
        yield whole[:place] + raw + whole[place + len(raw) :]
    for name in ("../x.npy", "/x.npy", "a\x00b.npy", "\u202e.npy", "", "C:\\x.npy"):
        yield siblings.stored_zip({name: header})


def _inflating() -> Iterator[bytes]:
    """Members that unpack to a thousand times their size."""
    for size in (1 << 20, 1 << 26, 1 << 28):
        for count in (1, 8):
            buffer = io.BytesIO()
            array = own_files.npy(np.zeros(size // 4, np.float32))
            with zipfile.ZipFile(
                buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1
            ) as z:
                for k in range(count if size < 1 << 28 else 1):
                    z.writestr(f"{k}.npy", array)
            yield buffer.getvalue()


def _headers_of_many_tensors() -> Iterator[bytes]:
    """Safetensors with as many entries as fit in a header, and marks among them."""
    for name in ("k{}", "synthesis.b{}.conv0.weight", "features.{}.weight"):
        for size in (100, 10_000, 90_000):
            entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
            header = {name.format(k): entry for k in range(size)}
            text = json.dumps(header).encode()
            yield struct.pack("<Q", len(text)) + text


def _strange_settings() -> Iterator[bytes]:
    """TensorFlow networks whose settings and variables are of other types."""
    values = (b"N", b"]", b"}", op.text("x" * 5000), b"J\xff\xff\xff\x7f", b"\x89")
    values += (
        b"G\x7f\xf0" + bytes(6),
        b"\x8a\x0a" + b"\x7f" * 10,
        b"(" + b"N" * 9 + b"t",
    )
    for name in ("resolution", "fmap_base", "resample_kernel", "mapping_layers"):
        for value in values:
            settings = b"}" + op.text(name) + value + b"s"
            state = (
                b"}("
                + op.text("version")
                + b"K\x04"
                + op.text("static_kwargs")
                + settings
            )
            state += (
                op.text("variables") + b"](" + op.text("lod") + _shaped(1) + b"\x86e"
            )
            state += (
                op.text("components") + b"}" + op.text("name") + op.text("Gs") + b"u"
            )
            yield op.program(b"cdnnlib.tflib.network\nNetwork\n)\x81", state, b"b")


def _overlapping_strides() -> Iterator[bytes]:
    """Tensors whose steps reach each number many times, or outside of the storage."""
    for shape, strides in (
        ((1024, 1024, 16), (0, 0, 0)),
        ((4096, 25088), (0, 0)),
        ((2**20, 60), (1, 1)),
        ((2, 2), (2**31 - 1, 1)),
        ((2, 2), (-1, 1)),
        ((1,) * 32, (0,) * 32),
        ((1,) * 33, (0,) * 33),
        ((0, 2**31 - 1), (1, 1)),
    ):
        for name in ("features.0.weight", "style.1.weight"):
            tensor = _shaped(*shape, strides=strides)
            yield _zip(op.program(b"}", op.text(name), tensor, b"s"))


def _legacy_streams() -> Iterator[bytes]:
    """Streams of early torch with keys and counts that contradict each other."""
    whole = streams.torch_legacy(
        streams.storage("1", "FloatStorage", 4, "cpu", None), {"1": (4, bytes(16))}
    )
    tail = struct.pack("<q", 4) + bytes(16)
    head = whole[: -len(tail)]
    for count in (0, 1, 3, 5, -1, 2**31, 2**62, -(2**63)):
        yield head + struct.pack("<q", count) + bytes(16)
    for size in (0, 1, 7, 8, 23):
        yield head + tail[:size]
    yield head + tail * 1000


def _points() -> Iterator[bytes]:
    """Files of landmarks with very many faces, or numbers that are none."""
    for value in ("1e999", "NaN", "9" * 4000, "-0.0", "true"):
        yield f'{{"a.png": [[{value}, 1], [2, 3]]}}'.encode()
    for size in (1_000, 1_000_000):
        yield ("[" + ",".join(["[1,2]"] * size) + "]").encode()
        yield (
            "{" + ",".join(f'"{k}":[[1,2]]' for k in range(size // 10)) + "}"
        ).encode()


def _journals() -> Iterator[bytes]:
    """Journals of very many lines, long lines, and lines that are something else."""
    row = '{"name": "a", "file": "b", "status": "ok", "sha256": "c"}'
    for first in ('{"settings": {}}', "x", '{"settings": []}', "\x00"):
        for line in (row, "x", "[" * 5_000, '{"name": ' + "9" * 5_000 + "}", ""):
            yield "\n".join([first, *[line] * 300]).encode()
    yield ('{"settings": {}}\n' + f"{row}\n" * 300_000).encode()


SORTS: dict[str, tuple[str, object]] = {
    "tables of many names": ("checkpoint", _tables_of_many_names),
    "deep tables": ("checkpoint", _deep_tables),
    "deep modules": ("checkpoint", _deep_modules),
    "codes of many pictures": ("codes", _codes_of_many_pictures),
    "noise of many pictures": ("codes", _noise_of_many_pictures),
    "many directions": ("directions", _many_directions),
    "wide statistics": ("statistics", _wide_statistics),
    "many values": ("json", _many_json_values),
    "expressions in headers": ("arrays", _expressions),
    "expressions for converters": ("checkpoint", _expressions),
    "directories": ("arrays", _directories),
    "directories for converters": ("checkpoint", _directories),
    "inflating": ("arrays", _inflating),
    "headers of many tensors": ("checkpoint", _headers_of_many_tensors),
    "strange settings": ("checkpoint", _strange_settings),
    "overlapping strides": ("checkpoint", _overlapping_strides),
    "legacy streams": ("checkpoint", _legacy_streams),
    "points": ("points", _points),
    "journals": ("journal", _journals),
}


def main() -> None:
    """Writes them into a folder."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in make().items():
        (folder / name.replace(": ", "_").replace(" ", "_")).write_bytes(content)


if __name__ == "__main__":
    main()
