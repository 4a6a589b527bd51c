"""Files that are built, not damaged: grammars of pickles, headers and settings.

A random change of a file seldom makes another file that a reader follows far. These
grammars write valid structure around extreme values: shared and endless lists, doubled
texts, long arguments, shapes beyond every number, members that are not what they say.
Each draw is a function of its seed.
"""

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable

from fuzz import edits

_GLOBALS = (
    "collections OrderedDict",
    "collections defaultdict",
    "builtins set",
    "builtins list",
    "builtins tuple",
    "builtins complex",
    "builtins bytearray",
    "_codecs encode",
    "torch Size",
    "torch device",
    "torch FloatStorage",
    "torch HalfStorage",
    "torch.storage _load_from_bytes",
    "torch float32",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3",
    "torch._utils _rebuild_parameter",
    "torch._tensor _rebuild_from_type_v2",
    "torch_utils.persistence _reconstruct_persistent_obj",
    "dnnlib.tflib.network Network",
    "argparse Namespace",
    "pathlib PosixPath",
    "copyreg _reconstructor",
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray _reconstruct",
    "numpy.core.multiarray scalar",
    "numpy._core.numeric _frombuffer",
    "builtins object",
    "os system",
)
_TEXTS = (
    "state",
    "class_name",
    "_parameters",
    "_buffers",
    "_modules",
    "variables",
    "version",
    "static_kwargs",
    "components",
    "g_ema",
    "G_ema",
    "synthesis",
    "mapping",
    "storage",
    "0",
    "cpu",
    "f4",
    "<",
    "latin1",
    "",
    "\n" * 50,
)
_LARGE = 0.01  # the share of the pickles that are large
_INTEGERS = (0, 1, 2, 3, -1, 255, 65_535, 2**31 - 1, -(2**31))
_SIZES = (*_INTEGERS, 2**47, 2**48, 2**62, 2**63 - 1, 2**63, 2**64, 10**30)


class _Pickle:
    """Writes a pickle, remembering what is in its memo.

    Attributes:
      parts: opcodes and their arguments.
    """

    def __init__(self, draw: random.Random):
        self.draw = draw
        self.parts = [b"\x80\x04"]
        self.num_memo = 0
        # A large one costs a hundred times as much to draw and to read.
        self.is_large = draw.random() < _LARGE
        self.left = draw.choice((60, 200) if self.is_large else (6, 12, 25))

    def put(self, *parts: bytes) -> None:
        self.parts += parts

    def memorize(self) -> None:
        self.put(b"\x94")
        self.num_memo += 1

    def text(self, value: str) -> None:
        content = value.encode("utf-8", "surrogatepass")
        self.put(b"X", struct.pack("<I", len(content)), content)

    def value(self) -> None:
        """Any value, perhaps one from the memo."""
        self.left -= 1
        simple = (self._integer, self._word, self._none, self._recall, self._bytes)
        rich = (self._sequence, self._table, self._call, self._tensor) * 3
        rich += (self._doubled,) * self.is_large
        self.draw.choice(simple if self.left < 0 else simple + rich)()
        if self.draw.random() < 0.3:
            self.memorize()

    def _integer(self) -> None:
        self.put(b"J", struct.pack("<i", self.draw.choice(_INTEGERS)))
        if self.draw.random() < 0.2:
            big = self.draw.choice(_SIZES).to_bytes(20, "little", signed=True)
            self.put(b"0\x8a", bytes([len(big)]), big)

    def _word(self) -> None:
        times = self.draw.choice((1, 1, 1, 1000)) if self.is_large else 1
        self.text(self.draw.choice(_TEXTS) * times)

    def _none(self) -> None:
        self.put(self.draw.choice((b"N", b"\x88", b")", b"]", b"}", b"\x8f")))

    def _bytes(self) -> None:
        content = bytes(self.draw.choice((0, 4, 16, 2000)))
        self.put(b"B", struct.pack("<I", len(content)), content)

    def _recall(self) -> None:
        if not self.num_memo:
            self.put(b"N")
            return
        index = struct.pack("<I", self.draw.randrange(self.num_memo))
        self.put(b"j", index)

    def _sequence(self) -> None:
        is_list = self.draw.random() < 0.5
        self.put(b"]" if is_list else b"")
        if is_list and self.draw.random() < 0.3:
            self.memorize()  # so that the list may hold itself
        self.put(b"(")
        for _ in range(self.draw.choice((0, 1, 2, 3, 8))):
            self.value()
        self.put(b"e" if is_list else b"t")

    def _table(self) -> None:
        self.put(b"}(")
        for _ in range(self.draw.choice((0, 1, 2, 5))):
            self.text(self.draw.choice(_TEXTS))
            self.value()
        self.put(b"u")

    def _doubled(self) -> None:
        """A tuple of two of a tuple of two ..., or a list."""
        self.value()
        times = self.draw.choice((5, 40, 100))
        end = self.draw.choice((b"\x86", b"l"))
        start = b"(" if end == b"l" else b""
        for _ in range(times):
            self.memorize()
            index = struct.pack("<I", self.num_memo - 1)
            self.put(b"0", start, b"j", index, b"j", index, end)

    def _global(self) -> None:
        module, name = self.draw.choice(_GLOBALS).split(" ")
        self.text(module)
        self.text(name * self.draw.choice((1, 1, 1, 1, 1, 1, 1, 500)))
        self.put(b"\x93")

    def _call(self) -> None:
        self._global()
        self.put(b"(")
        for _ in range(self.draw.choice((0, 1, 2, 3, 4, 6, 40))):
            self.value()
        self.put(b"t", self.draw.choice((b"R", b"R", b"\x81")))
        if self.draw.random() < 0.4:
            self.value()
            self.put(b"b")

    def _tensor(self) -> None:
        """`_rebuild_tensor_v2` with a storage and a shape that may be anything."""
        self.text("torch._utils")
        self.text("_rebuild_tensor_v2")
        self.put(b"\x93((")
        for word in ("storage", "torch", "FloatStorage"):
            self.text(word)
        self.put(b"\x93")
        self.text(self.draw.choice(("0", "1", "0" * 300)))
        self.text("cpu")
        self._integer()
        self.put(b"tQ")
        for _ in range(3):
            self.draw.choice((self._integer, self._shape, self._shape, self.value))()
        self.put(b"\x89}tR")

    def _shape(self) -> None:
        self.put(b"(")
        sizes = (0, 1, 2, 4, 33, 1000) if self.is_large else (0, 1, 2, 4)
        for _ in range(self.draw.choice(sizes)):
            self._integer()
        self.put(b"t")


def tokens(draw: random.Random) -> list[bytes]:
    """The opcodes, with their arguments, of a pickle of `pickled`."""
    writer = _Pickle(draw)
    writer.value()
    return [*writer.parts, b"."]


def pickled(draw: random.Random) -> bytes:
    """A pickle of objects that checkpoints hold, with extreme values among them."""
    return b"".join(tokens(draw))


def torch_zip(draw: random.Random) -> bytes:
    """Such a pickle in the archive of `torch.save`."""
    members = {"a/data.pkl": pickled(draw), "a/data/0": bytes(draw.choice((0, 4, 96)))}
    if draw.random() < 0.2:
        members["a/byteorder"] = draw.choice((b"little", b"big", b"x" * 500, b""))
    return _zip(members, draw)


def _zip(members: dict[str, bytes], draw: random.Random) -> bytes:
    buffer = io.BytesIO()
    method = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return struck(buffer.getvalue(), draw) if draw.random() < 0.3 else buffer.getvalue()


def struck(content: bytes, draw: random.Random) -> bytes:
    """With an extreme number somewhere in the last bytes, where directories lie."""
    position = max(0, len(content) - draw.randrange(1, 200))
    extreme = draw.choice((b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f", b"\x01\0\0\0"))
    return content[:position] + extreme + content[position + 4 :]


def safetensors(draw: random.Random) -> bytes:
    """A header whose every entry may be an extreme of any type, and a body."""
    places = ([0, 48], [0, 0], [48, 0], [0, 2**63], [-4, 4])
    shapes = ([3, 4], [], [0], [*draw.choices(_SIZES, k=draw.choice((1, 2, 33)))])
    header = {
        name: {
            "dtype": draw.choice(("F32", "BF16", "BOOL", "F8", "f32")),
            "shape": draw.choice(shapes),
            "data_offsets": draw.choice(places),
        }
        for name in draw.choices(("a", "synthesis.b4.const", "", "x" * 5000), k=2)
    }
    header["__metadata__"] = {"jax_encoder": draw.choice(("{}", "[" * 5000, "\0"))}
    tree = next(edited for _, edited in edits.edits(header, 1, draw.getrandbits(32)))
    text = json.dumps(tree if draw.random() < 0.7 else header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(48)


def npy(draw: random.Random) -> bytes:
    """A header of NumPy with extreme types and shapes, and a body."""
    kinds = (
        "'<f4'",
        "'<f4'",
        "'<f4'",
        "'|O'",
        "'|V2'",
        "'|V2147483647'",
        "('<f4', (9,))",
        "'<U9'",
        "[]",
    )
    extreme = ", ".join(map(str, draw.choices(_SIZES, k=draw.choice((0, 1, 2, 33)))))
    shape = draw.choice(("3, 3", "9", extreme, extreme))
    text = (
        f"{{'descr': {draw.choice(kinds)}, 'fortran_order': {draw.random() < 0.5},"
        f" 'shape': {draw.choice(('(', '(', '(', '[', '((', ''))}{shape},), }}\n"
    ).encode()
    version = draw.choice((b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x09\x00"))
    layout = "<H" if version[0] == 1 else "<I"
    return b"\x93NUMPY" + version + struct.pack(layout, len(text)) + text + bytes(36)


def npz(draw: random.Random) -> bytes:
    """An archive of such arrays."""
    return _zip({f"{name}.npy": npy(draw) for name in "ab"}, draw)


GRAMMARS: dict[str, Callable[[random.Random], bytes]] = {
    "pickle": pickled,
    "torch_zip": torch_zip,
    "safetensors": safetensors,
    "npy": npy,
    "npz": npz,
}


def make(name: str, seed: int) -> bytes:
    """Draws a file.

    Args:
      name: of one of `GRAMMARS`.
      seed: of the draw.
    """
    return GRAMMARS[name](random.Random(f"{name} {seed}"))
