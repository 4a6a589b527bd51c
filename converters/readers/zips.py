"""The members of a zip archive, as views of the file.

Nothing is extracted, so names cannot escape anywhere; the odd ones are refused all the
same. Members that overlap, lie outside of the file or inflate beyond reason are refused
before anything is read.
"""

import dataclasses
import mmap
import struct
import zlib

from converters import conversion_errors
from jax_encoder.nn.checks import describe, failure

_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_LOCATOR64 = b"PK\x06\x07"
_ENTRY = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
_MAX_DIRECTORY = 8 << 20
_MAX_INFLATED = 256 << 20
_LARGE = 1 << 16
_STORED, _DEFLATED = 0, 8


@dataclasses.dataclass(frozen=True)
class Member:
    """One entry of the archive's directory.

    Attributes:
      name: as stored.
      method: 0 stored, 8 deflated.
      crc: CRC-32 of the content.
      packed, size: bytes in the file and unpacked.
      offset: of the local header.
    """

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int


class Archive:
    """A zip archive in a buffer.

    Attributes:
      members: by name.
    """

    def __init__(self, data: memoryview):
        """Reads the directory.

        Raises:
          ConversionError: the archive is damaged or malicious.
        """
        self._data = data
        self._inflatable = max(_MAX_INFLATED, 4 * len(data))
        try:
            members = list(_directory(data))
        except struct.error:
            raise conversion_errors.ConversionError(
                "the archive's directory is damaged"
            ) from None
        self.members = {member.name: member for member in members}
        if len(self.members) != len(members):
            raise conversion_errors.ConversionError(
                "two members of the archive share a name"
            )
        if sum(member.packed for member in members) > len(data):
            raise conversion_errors.ConversionError(
                "the archive's members overlap or exceed the file: a zip bomb, or a"
                " file that was cut short"
            )

    def read(self, name: str, *, allow_deflated: bool = False) -> memoryview:
        """The content of a member, checked against its CRC.

        Args:
          name: of the member.
          allow_deflated: whether it may be compressed.

        Raises:
          ConversionError: it is missing, damaged, or compressed where it must not be.
        """
        member = self.members.get(name)
        if member is None:
            raise conversion_errors.ConversionError(
                "the archive has no such member", entry=name
            )
        with conversion_errors.guard(entry=name):
            content = self._packed(member)
            if member.method == _DEFLATED and allow_deflated:
                content = memoryview(self._inflate(content, member.size))
            elif member.method != _STORED:
                raise conversion_errors.ConversionError(
                    "the member is compressed, as no checkpoint of this kind is;"
                    " unpack the archive and save it again"
                )
            if len(content) != member.size or zlib.crc32(content) != member.crc:
                raise conversion_errors.ConversionError(
                    "the member's checksum is wrong: the file is damaged; download it"
                    " again"
                )
        self._release(member)
        return content

    def _release(self, member: Member) -> None:
        """Lets the system drop the pages that the checksum touched."""
        mapped: object = self._data.obj
        start = -(-member.offset // mmap.PAGESIZE) * mmap.PAGESIZE
        length = member.offset + member.packed - start
        is_known = hasattr(mmap, "MADV_DONTNEED")
        if isinstance(mapped, mmap.mmap) and is_known and length > _LARGE:
            mapped.madvise(mmap.MADV_DONTNEED, start, length)

    def _inflate(self, content: memoryview, size: int) -> bytes:
        self._inflatable -= size
        if self._inflatable < 0:
            raise conversion_errors.ConversionError(
                f"{len(content)} bytes would unpack to {describe(size)}: a zip bomb"
            )
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return engine.decompress(content, size + 1)
        except zlib.error as error:
            raise conversion_errors.ConversionError(
                f"the member is damaged ({failure(error)})"
            ) from None

    def _packed(self, member: Member) -> memoryview:
        header = bytes(self._data[member.offset : member.offset + 30])
        if len(header) != 30 or header[:4] != _LOCAL:
            raise conversion_errors.ConversionError("the member's header is damaged")
        name_size, extra_size = struct.unpack("<HH", header[26:])
        start = member.offset + 30 + name_size + extra_size
        if start + member.packed > len(self._data):
            raise conversion_errors.ConversionError("the member ends beyond the file")
        return self._data[start : start + member.packed]


def _directory(data: memoryview):
    """Yields the members that the central directory lists."""
    start, size = _locate(data)
    if size > _MAX_DIRECTORY or start + size > len(data):
        raise conversion_errors.ConversionError(
            "the archive's directory is damaged or cut short"
        )
    position, end = start, start + size
    while position < end:
        fixed = bytes(data[position : position + 46])
        if fixed[:4] != _ENTRY:
            raise conversion_errors.ConversionError(
                "the archive's directory is damaged"
            )
        flags, method = struct.unpack("<HH", fixed[8:12])
        crc, packed, unpacked = struct.unpack("<III", fixed[16:28])
        sizes = struct.unpack("<HHH", fixed[28:34])
        offset = struct.unpack("<I", fixed[42:46])[0]
        name = bytes(data[position + 46 : position + 46 + sizes[0]])
        extra_start = position + 46 + sizes[0]
        extra = bytes(data[extra_start : extra_start + sizes[1]])
        unpacked, packed, offset = _extend(extra, unpacked, packed, offset)
        yield _check(Member(_text(name), method, crc, packed, unpacked, offset), flags)
        position += 46 + sum(sizes)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _check(member: Member, flags: int) -> Member:
    parts = member.name.replace("\\", "/").split("/")
    if ".." in parts or member.name.startswith(("/", "\\")) or "\0" in member.name:
        raise conversion_errors.ConversionError(
            "refused: the member's name leads out of the archive", entry=member.name
        )
    if flags & 1:
        raise conversion_errors.ConversionError(
            "the member is encrypted", entry=member.name
        )
    return member


def _locate(data: memoryview) -> tuple[int, int]:
    """The offset and the size of the central directory."""
    tail_start = max(0, len(data) - 65_557)
    tail = bytes(data[tail_start:])
    index = tail.rfind(_END)
    if index < 0:
        raise conversion_errors.ConversionError(
            "the archive has no directory: the file was cut short; download it again"
        )
    size, offset = struct.unpack("<II", tail[index + 12 : index + 20])
    locator = index - 20
    if locator >= 0 and tail[locator : locator + 4] == _LOCATOR64:
        end64 = struct.unpack("<Q", tail[locator + 8 : locator + 16])[0]
        record = bytes(data[end64 : end64 + 56])
        if record[:4] != _END64:
            raise conversion_errors.ConversionError(
                "the archive's directory is damaged"
            )
        size, offset = struct.unpack("<QQ", record[40:56])
    return offset, size


def _extend(extra: bytes, *values: int) -> list[int]:
    """Replaces the values that need 64 bits: sizes and offset."""
    wide = b""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack("<HH", extra[position : position + 4])
        if kind == 1:
            wide = extra[position + 4 : position + 4 + length]
        position += 4 + length
    result = []
    for value in values:
        if value == 0xFFFFFFFF:
            (value,) = struct.unpack("<Q", wide[:8])
            wide = wide[8:]
        result.append(value)
    return result
