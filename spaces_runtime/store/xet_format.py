"""The two formats Xet clients upload: xorbs (compressed chunks) and shards (how files are made of them).

Sources: the open xet-core project describes both; see also the tests, which use hf_xet itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import lz4.frame

from spaces_runtime.domain.errors import Invalid
from spaces_runtime.domain.ids import Sha256

CHUNK_HEADER = 8  # bytes: version, compressed length (3), scheme, length (3)
CHUNK_LIMIT = 128 * 1024  # bytes, uncompressed
FOOTER = b"XETBLOB"
SHARD_HEADER = 48
RECORD = 48
BOOKEND = b"\xff" * 32
WITH_VERIFICATION = 1 << 31
WITH_METADATA = 1 << 30
NONE, LZ4, GROUPED = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One chunk of a xorb. offset: where its data begins in the file. length: bytes when unpacked."""

    offset: int
    packed: int
    scheme: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The chunks [start, end) of a xorb. length: bytes they unpack to."""

    xorb: str
    start: int
    end: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecipe:
    """A file as a list of segments. sha256: what the client says it is; None where it says nothing."""

    xet: str
    segments: tuple[Segment, ...]
    sha256: Sha256 | None

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(segment.length for segment in self.segments)


def chunks_of(xorb: BinaryIO) -> list[Chunk]:
    """Read the chunk headers of a whole xorb.

    Raises: Invalid unless headers and data fit together to the last byte.
    """
    end = xorb.seek(0, 2)
    found: list[Chunk] = []
    at = 0
    while at < end:
        xorb.seek(at)
        header = xorb.read(CHUNK_HEADER)
        if header.startswith(FOOTER):
            break
        if len(header) < CHUNK_HEADER or header[0] != 0 or header[4] > GROUPED:
            raise _broken("xorb", f"no chunk header at byte {at}")
        packed, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[5:8], "little")
        at += CHUNK_HEADER + packed
        if at > end or length > CHUNK_LIMIT:
            raise _broken("xorb", f"chunk {len(found)} is longer than what came, or than {CHUNK_LIMIT} bytes")
        found.append(Chunk(offset=at - packed, packed=packed, scheme=header[4], length=length))
    if not found:
        raise _broken("xorb", "it has no chunks")
    return found


def unpacked(xorb: BinaryIO, chunk: Chunk) -> bytes:
    """The bytes of a chunk.

    Raises: Invalid when they cannot be unpacked to the length the header says.
    """
    xorb.seek(chunk.offset)
    data = xorb.read(chunk.packed)
    if chunk.scheme != NONE:
        try:
            # The bound keeps a small frame from unpacking to gigabytes.
            data = lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=chunk.length + 1)
        except RuntimeError as error:
            raise _broken("xorb", f"a chunk cannot be unpacked ({error})") from error
    if len(data) != chunk.length:
        raise _broken("xorb", f"a chunk unpacks to {len(data)} bytes, its header says {chunk.length}")
    return _ungrouped(data) if chunk.scheme == GROUPED else data


def files_of(shard: bytes) -> list[FileRecipe]:
    """The files a shard describes.

    Raises: Invalid.
    """
    if len(shard) < SHARD_HEADER:
        raise _broken("shard", "it is shorter than its header")
    return list(_files(shard, SHARD_HEADER))


def _files(shard: bytes, at: int) -> Iterator[FileRecipe]:
    while True:
        header, at = _record(shard, at)
        if header.startswith(BOOKEND):
            return
        flags, count = struct.unpack_from("<II", header, 32)
        if count > (len(shard) - at) // RECORD:
            raise _broken("shard", "a file has more segments than the shard has room for")
        segments = []
        for _ in range(count):
            record, at = _record(shard, at)
            _, length, start, end = struct.unpack_from("<IIII", record, 32)
            segments.append(Segment(xorb=_hex(record), start=start, end=end, length=length))
        if flags & WITH_VERIFICATION:
            at += RECORD * count
        sha256 = None
        if flags & WITH_METADATA:
            record, at = _record(shard, at)
            sha256 = Sha256(_hex(record))
        yield FileRecipe(xet=_hex(header), segments=tuple(segments), sha256=sha256)


def _record(shard: bytes, at: int) -> tuple[bytes, int]:
    record = shard[at : at + RECORD]
    if len(record) < RECORD:
        raise _broken("shard", "it ends in the middle of its files")
    return record, at + RECORD


def _hex(record: bytes) -> str:
    """Xet prints a hash as four little-endian numbers."""
    return "".join(f"{number:016x}" for number in struct.unpack_from("<4Q", record))


def _ungrouped(data: bytes) -> bytes:
    """Undo scheme 2: all bytes at offsets 0 mod 4, then 1, 2, 3."""
    out = bytearray(len(data))
    at = 0
    for lane in range(4):
        count = len(range(lane, len(data), 4))
        out[lane::4] = data[at : at + count]
        at += count
    return bytes(out)


def _broken(what: str, why: str) -> Invalid:
    return Invalid(what=f"read the {what}", why=why, then="Update hf_xet, or set HF_HUB_DISABLE_XET=1.")
