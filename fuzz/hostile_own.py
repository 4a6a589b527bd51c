"""Hostile files of the newer readers: networks, codes, stores, tables, pictures.

As `fuzz.hostile`, which writes them along: each sort is a weakness that was found, or
looked for, by reading the code.
"""

import csv
import io
import json
import re
import struct
import tarfile
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, PngImagePlugin

from fuzz import opcodes as op
from fuzz import own_files, siblings

if TYPE_CHECKING:
    import pyarrow

    from experiments.stores import tables

Files = Iterator[bytes]


def _counts(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", n) for n in values) + b"t"


def _tensor(*shape: int, kind: str = "FloatStorage", strides=None) -> bytes:
    """A tensor whose steps are zero: each of its numbers is the first one."""
    storage = op.text("storage") + f"ctorch\n{kind}\n".encode() + op.text("0")
    storage = b"(" + storage + op.text("cpu") + b"M\x00\x04tQ"
    steps = _counts(strides or (0,) * len(shape))
    head = b"ctorch._utils\n_rebuild_tensor_v2\n("
    return head + storage + b"K\x00" + _counts(shape) + steps + b"\x89NtR"


def _zip(*parts: bytes) -> bytes:
    content = op.program(*parts)
    return siblings.stored_zip({"a/data.pkl": content, "a/data/0": bytes(8192)})


def _table(entries: dict[str, bytes]) -> bytes:
    items = b"".join(op.text(name) + value for name, value in entries.items())
    return b"}(" + items + b"u"


def _put(index: int, value: bytes) -> bytes:
    return value + b"q" + bytes([index]) + b"0"


def _clip_of_one_matrix() -> Files:
    """Many layers of CLIP that share one large matrix."""
    for width, layers, kind in (
        (64, 3, "FloatStorage"),
        (2304, 64, "FloatStorage"),
        (2304, 64, "HalfStorage"),
        (1024, 200, "CharStorage"),
        (2000, 4, "FloatStorage"),
    ):
        square = _put(0, _tensor(3 * width, width, kind=kind))
        square += _put(1, _tensor(width, width, kind=kind))
        square += _put(2, _tensor(4 * width, width, kind=kind))
        row = _put(3, _tensor(width, kind=kind)) + _put(4, _tensor(3 * width))
        entries = {
            "visual.conv1.weight": _tensor(width, 3, 32, 32, kind="CharStorage"),
            "visual.class_embedding": b"h\x03",
            "visual.positional_embedding": _tensor(50, width),
            "visual.proj": _tensor(width, 512),
        }
        for k in range(layers):
            block = f"visual.transformer.resblocks.{k}."
            entries[f"{block}attn.in_proj_weight"] = b"h\x00"
            entries[f"{block}attn.in_proj_bias"] = b"h\x04"
            entries[f"{block}attn.out_proj.weight"] = b"h\x01"
            entries[f"{block}mlp.c_fc.weight"] = b"h\x02"
            for name in ("ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias"):
                entries[f"{block}{name}"] = b"h\x03"
        yield _zip(square, row, _table(entries))


def _transformers_of_one_matrix() -> Files:
    """The same in the layout whose queries, keys and values are joined."""
    for width, layers in ((64, 2), (2304, 64), (2304, 200)):
        head = _put(0, _tensor(width, width)) + _put(1, _tensor(width))
        model = "vision_model."
        entries = {
            f"{model}embeddings.patch_embedding.weight": _tensor(width, 3, 8, 8),
            f"{model}embeddings.position_embedding.weight": _tensor(50, width),
            "visual_projection.weight": b"h\x00",
        }
        for k in range(layers):
            for letter in "qkv":
                name = f"{model}encoder.layers.{k}.self_attn.{letter}_proj"
                entries[f"{name}.weight"] = b"h\x00"
                entries[f"{name}.bias"] = b"h\x01"
            entries[f"{model}encoder.layers.{k}.layer_norm1.weight"] = b"h\x01"
        yield _zip(head, _table(entries))


def _encoders_of_one_kernel() -> Files:
    """Encoders and recognizers whose bodies repeat one kernel."""
    for number in (3, 64, 5_000):
        kernel = _put(0, _tensor(512, 512, 3, 3)) + _put(1, _tensor(512))
        for prefix in ("", "encoder."):
            entries = {
                f"{prefix}input_layer.0.weight": _tensor(64, 3, 3, 3),
                f"{prefix}styles.0.linear.weight": _tensor(512, 512),
                f"{prefix}output_layer.3.weight": _tensor(512, 512 * 49),
            }
            for k in range(number):
                entries[f"{prefix}body.{k}.res_layer.1.weight"] = b"h\x00"
                entries[f"{prefix}body.{k}.res_layer.3.weight"] = b"h\x00"
                entries[f"{prefix}body.{k}.res_layer.5.fc1.weight"] = b"h\x00"
            yield _zip(kernel, _table(entries))


def _noise_beyond_the_first_maps() -> Files:
    """More noise maps than are looked at, shared by one picture or by many."""
    for maps, pictures, side in (
        (65, 1, 512),
        (4_000, 1, 1024),
        (5_000, 5_000, 1),
        (64, 20_000, 4),
    ):
        small, large = _tensor(1, 1, 1, 1), _tensor(1, 1, side, side)
        head = _put(0, _tensor(18, 512)) + _put(1, small) + _put(2, large)
        few = min(maps, 64)
        noise = b"](" + b"h\x01" * few + b"h\x02" * (maps - few) + b"e"
        entry = _put(
            3,
            b"}(" + op.text("latent") + b"h\x00" + op.text("noise") + noise + b"u",
        )
        yield _zip(head, entry, _table({f"{k}.png": b"h\x03" for k in range(pictures)}))


def _directions_of_one_number() -> Files:
    """Components and boundaries that repeat a number to gigabytes."""
    for kind in ("FloatStorage", "CharStorage", "BoolStorage"):
        for rows, width in ((4, 512), (2_000, 30_000), (20_001, 4), (3, 20_000_000)):
            comp = _tensor(rows, width, kind=kind)
            mean, std = _tensor(width, kind=kind), _tensor(rows)
            yield _zip(_table({"comp": comp, "mean": mean, "std": std}))
            yield _zip(_table({"eigvec": comp}))
            yield _zip(_tensor(1, rows, width, kind=kind))


def _archive(**arrays: ArrayLike) -> bytes:
    return siblings.stored_zip(
        {f"{name}.npy": own_files.npy(np.asarray(x)) for name, x in arrays.items()}
    )


def _factors_of_other_types() -> Files:
    """Factors and components that are no numbers, or none."""
    for value in (
        np.array([["a", "b"]]),
        np.array([[b"a"]]),
        np.ones((2, 2), complex),
        np.ones((2, 2), bool),
        np.full((2, 2), np.nan),
        np.ones(()),
        np.ones((0, 3)),
        np.ones((2, 2, 2)),
    ):
        yield _archive(eigvec=value)
        yield _archive(comp=value, mean=value, std=value)
        yield _archive(lat_comp=np.ones((2, 2)), lat_mean=value, lat_stdev=np.ones(2))


def _about(**changes: object) -> str:
    about = {"format": 1, "space": "w+", "generator_sha256": None, "measures": {}}
    return json.dumps(about | changes)


def _codes_with_strange_parts() -> Files:
    """Codes whose feature maps, noise, colors and frames are something else."""
    ws = np.zeros((4, 8), np.float32)
    values = (
        np.array("x"),
        np.ones(()),
        np.ones((0, 4, 4)),
        np.full((4, 4, 8), np.nan, np.float32),
        np.full((4, 4, 8), "a"),
        np.ones((2, 4, 4, 8), np.float32),
        np.ones((1,) * 20, np.float32),
        np.ones((3, 4, 4), complex),
    )
    for value in values:
        for name in ("features", "noise_00", "colors", "styles"):
            arrays = {"ws": ws, "metadata": np.array(_about()), name: value}
            yield _archive(**arrays)
    deep: list[object] = []
    for _ in range(400):
        deep = [deep]
    for frame in (1, [], {}, {"quad": deep}, {"quad": [[1e999] * 2] * 4}, "x" * 10_000):
        yield _archive(ws=ws, metadata=np.array(_about(frame=frame)))
    for owner in (deep, 1, {"a": 1}, "x" * 100_000):
        yield _archive(ws=ws, metadata=np.array(_about(generator_sha256=owner)))


def _texts_of_json_in_archives() -> Files:
    """JSON that takes gigabytes where an archive holds it as an array."""
    for size in (1_000, 12_000_000):
        text = "[" + ",".join(["[]"] * (size // 3)) + "]"
        buffer = io.BytesIO()
        np.savez_compressed(buffer, ws=np.zeros((4, 8)), metadata=np.array(text))
        yield buffer.getvalue()


def _verdicts() -> Files:
    """Tables of verdicts with other types where numbers must be."""
    table = {
        "num": 4,
        "quantiles": {"rmse": {"0.9": 0.2}, "lpips": {"0.9": 0.1}},
        "chance": {"rmse": 1.0, "lpips": 1.0},
        "about": {},
    }
    for value in ("0.5", True, None, [], 10**400, -1, float("nan"), 1e308, "9" * 5000):
        for name in ("rmse", "lpips"):
            quantiles = {**table["quantiles"], name: {"0.9": value}}
            yield json.dumps({**table, "quantiles": quantiles}).encode()
            chance = {**table["chance"], name: value}
            yield json.dumps({**table, "chance": chance}).encode()
        yield json.dumps({**table, "quantiles": value}).encode()


def _tables_of_points() -> Files:
    """CSV of landmarks with endless lines, quotes and numbers."""
    yield b"a.png," + b"1," * 10_000_000
    yield b'"' + b"x" * 200_000 + b'",1,2'
    yield b'a,"' + b"1\n" * 1_000_000
    yield b"a,1e999,2\n"
    yield b"a,nan,2\n"
    yield b"a\x00,1,2\n"
    yield b"\xff\xfea,1,2\n"
    yield ("a," + "9" * 100_000 + ",1\n").encode()
    yield b"a,1,2\n" * 300_000
    yield b"x,y\n" * 3
    rows = io.StringIO()
    csv.writer(rows).writerow(["a"] + [1] * 135)
    yield rows.getvalue().encode()


def _tars() -> Files:
    """Tars that lead back to themselves, or say more than they hold."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("a.png", "b.png"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"abcd"))
    whole = buffer.getvalue()

    def with_size(field: bytes) -> bytes:
        block = bytearray(whole[:512])
        block[124:136] = field
        block[148:156] = b" " * 8
        block[148:156] = f"{sum(block):06o}\0 ".encode()
        return bytes(block) + whole[512:]

    for size in (-1, -512, -1024, -(2**40), 2**62):
        yield with_size(b"\x80" + (size % 2**88).to_bytes(11, "big"))
    yield with_size(b"77777777777\0")
    yield with_size(b"-0000000001\0")
    yield whole[:700]
    yield whole * 3
    records = [b"size=-512\n", b"size=9" + b"9" * 300 + b"\n", b"path=" + b"x" * 90_000]
    records += [b"GNU.sparse.map=0,9999999999,1,-5\n", b"GNU.sparse.size=-5\n"]
    for record in records:
        length = len(record) + 1
        text = str(length + len(str(length + 4))).encode() + b" " + record
        header = tarfile.TarInfo("pax")
        header.size, header.type = len(text), tarfile.XHDTYPE
        yield header.tobuf() + text + bytes(-len(text) % 512) + whole
    many = tarfile.TarInfo("a.png").tobuf()
    yield many * 20_000


def _pictures() -> Files:
    """Pictures that take a decoder long, or that say they are larger."""
    buffer = io.BytesIO()
    side = 6000
    Image.new("L", (side, side), 128).save(buffer, "JPEG", progressive=True)
    jpeg = buffer.getvalue()
    scans = [match.start() for match in re.finditer(b"\xff\xda", jpeg)]
    last = jpeg[jpeg.rfind(b"\xff\xc4", 0, scans[-1]) : jpeg.rfind(b"\xff\xd9")]
    for number in (0, 20, 1_000):
        yield jpeg[:-2] + last * number + jpeg[-2:]
    for place in (b"\xff\xc2", b"\xff\xc0"):
        at = jpeg.find(place)
        if at > 0:
            yield jpeg[: at + 5] + b"\xff\xff\xff\xff" + jpeg[at + 9 :]
    small = Image.new("P", (8, 8))
    frames = io.BytesIO()
    rest = [Image.new("P", (8, 8), k % 255) for k in range(2_000)]
    small.save(frames, "GIF", save_all=True, append_images=rest)
    yield frames.getvalue()
    gif = bytearray(frames.getvalue()[:400])
    gif[6:10] = b"\xff\xff\xff\xff"
    yield bytes(gif)
    for letters in (1 << 20, 100 << 20):
        note = PngImagePlugin.PngInfo()
        note.add_text("a", "x" * letters, zip=True)
        made = io.BytesIO()
        small.save(made, "PNG", pnginfo=note)
        yield made.getvalue()
    for profile in (b"x" * 10, bytes(4 << 20)):
        made = io.BytesIO()
        small.convert("RGB").save(made, "PNG", icc_profile=profile)
        yield made.getvalue()
    for mode in ("1", "I", "F", "LA", "CMYK"):
        made = io.BytesIO()
        Image.new(mode, (40, 40)).save(made, "TIFF")
        tiff = made.getvalue()
        yield tiff
        yield tiff.replace(struct.pack("<H", 256), struct.pack("<H", 257), 1)
        yield tiff[: len(tiff) // 2]
    yield b"P6 99999999 99999999 255\n" + bytes(100)
    yield b"P5 8000 8000 255\n" + bytes(100)
    yield b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + bytes(40)


def _grain_shards() -> Files:
    """Shards of pictures with codes that are none."""
    for value in (
        np.array("x"),
        np.ones(3),
        np.full((2, 4, 8), np.nan),
        np.ones((2, 4, 8), complex),
        np.ones((0, 4, 8)),
        np.ones((2, 4, 8, 1)),
    ):
        yield _archive(ws=value)
    yield _archive(other=np.ones(3))
    yield b""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, ws=np.zeros((50_000, 18, 512), np.float32))
    yield buffer.getvalue()


def _style_directions() -> Files:
    """What StyleCLIP's matrix and texts may be instead."""
    for value in (
        np.array("x"),
        np.full((8, 4), "a"),
        np.full((8, 4), np.inf),
        np.full((8, 4), 1e38, np.float32),
        np.ones((8, 4), complex),
        np.ones((4, 8)),
        np.ones((8, 0)),
        np.ones(()),
        np.zeros((8, 4)),
    ):
        yield own_files.npy(value)


def _trays() -> Files:
    """Archives of codes as visitors send them."""
    code = _archive(ws=np.zeros((4, 8), np.float32), metadata=np.array(_about()))
    names = ("../a.npz", "/a.npz", "a\x00.npz", "a" * 300 + ".npz", "é" * 200 + ".npz")
    for name in (*names, "a.difference.npz", ".npz", "CON.npz", "a.npz/b.npz"):
        yield siblings.stored_zip({name: code})
    yield siblings.stored_zip({f"{k}.npz": code for k in range(289)})
    yield siblings.stored_zip({f"{k}.npz": b"x" for k in range(280)})
    yield siblings.stored_zip({f"{k}.txt": b"" for k in range(60_000)})
    whole = siblings.stored_zip({"a.npz": code})
    yield whole[:-30]
    yield whole.replace(b"\x14\x00\x00\x00", b"\x14\x00\x01\x00")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, ws=np.zeros((2_000, 18, 512), np.float32))
    yield siblings.stored_zip({f"{k}.npz": buffer.getvalue() for k in range(3)})


def _parquet() -> Files:
    """Tables that repeat without end, or hold other columns."""
    yield from _stores()
    yield from _addresses()
    yield b"PAR1"
    yield b"PAR1" + bytes(100) + b"PAR1"


def _written(table: "pyarrow.Table") -> bytes:
    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _stores() -> Files:
    """Stores of codes, sealed as ours are."""
    import pyarrow as pa

    from experiments.stores import tables

    kind = tables.RowLayout(num_ws=2, w_dim=4, measures=("psnr",))
    rows = [{"position": k, "id": f"{k}", "status": "ok"} for k in range(3)]
    ws = {k: np.ones((2, 4), np.float32) for k in range(3)}
    good = tables.table(rows, ws, kind, {})
    yield _written(good)
    for index, name in enumerate(good.column_names):
        yield _written(good.drop_columns([name]).replace_schema_metadata(None))
        other = good.set_column(index, name, pa.array([None] * 3, pa.int8()))
        yield _written(_sealed(other, kind, {}))
        yield _written(_sealed(good.drop_columns([name]), kind, {}))
    for change in ({"num_ws": 10**9}, {"num_ws": "x"}, {"dtype": "U9"}, {"more": 1}):
        yield _written(_sealed(good, kind, change))
    many = 3_000_000
    long = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(many, np.int32)), pa.array(["x" * 4_000])
    )
    columns = {
        name: pa.nulls(many, good.schema.field(name).type) for name in ("status",)
    }
    wide = pa.table(
        {"position": pa.array(np.zeros(many, np.int64)), "id": long, **columns}
    )
    yield _written(_sealed(wide, kind, {}))


def _sealed(
    table: "pyarrow.Table", kind: "tables.RowLayout", change: Mapping[str, object]
) -> "pyarrow.Table":
    """The table with what it says of itself, changed, and a seal that fits."""
    import dataclasses

    from experiments.stores import tables

    layout = {**dataclasses.asdict(kind), **change}
    about = {"format": 1, "layout": layout}
    seal = tables._seal(about, table.schema)
    text = json.dumps({**about, "seal": seal}).encode()
    return table.replace_schema_metadata({b"jax_encoder": text})


def _addresses() -> Files:
    """Tables of addresses, as of a web data set."""
    import pyarrow as pa

    for values in ([None, "a"], [1, 2], [[1], [2]], ["a\x00", "../../b"], [b"a", b"b"]):
        yield _written(pa.table({"url": values}))
        yield _written(pa.table({"url": ["a", "b"], "id": values}))
    many = 4_000_000
    one = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(many, np.int32)), pa.array(["x" * 2_000])
    )
    yield _written(pa.table({"uri": one}))
    yield _written(pa.table({"uri": ["x" * (1 << 24)] * 3}))
    yield _written(pa.table({"image": pa.nulls(2_000_000, pa.binary())}))


SORTS: dict[str, tuple[tuple[str, ...], Callable[[], Files]]] = {
    "clip of one matrix": (("checkpoint",), _clip_of_one_matrix),
    "transformers of one matrix": (("checkpoint",), _transformers_of_one_matrix),
    "encoders of one kernel": (("checkpoint",), _encoders_of_one_kernel),
    "noise beyond the first maps": (("codes",), _noise_beyond_the_first_maps),
    "directions of one number": (("torch directions",), _directions_of_one_number),
    "factors of other types": (("directions",), _factors_of_other_types),
    "codes with strange parts": (("codes", "code set"), _codes_with_strange_parts),
    "json in archives": (("codes", "code set"), _texts_of_json_in_archives),
    "verdicts": (("verdicts",), _verdicts),
    "tables of points": (("point table",), _tables_of_points),
    "tars": (("tar",), _tars),
    "pictures": (("picture", "upload"), _pictures),
    "grain shards": (("shards",), _grain_shards),
    "style directions": (("styles",), _style_directions),
    "trays": (("tray",), _trays),
    "tables": (("store", "manifest", "addresses"), _parquet),
}
