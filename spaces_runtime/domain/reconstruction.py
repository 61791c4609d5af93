"""How Xet clients are told where the bytes of a file are. Pure.

They expect files made of xorbs, and xorbs of chunks. What is stored is plain files, so each file is shown as parts of
32 MiB, each a xorb of plain chunks that is made while it is sent: an 8-byte header, then 128 KiB as they lie on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256 as sha256_of
from typing import Any, Final

from spaces_runtime.domain.ids import Sha256

CHUNK: Final = 128 * 1024  # bytes; the most that clients take
CHUNKS: Final = 256  # of a part
PART: Final = CHUNK * CHUNKS
HEADER: Final = 8  # bytes: version, packed length (3), scheme (0: as it is), length (3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a file as a xorb. start: where it begins in the file. length: bytes of content."""

    sha256: Sha256
    number: int
    start: int
    length: int

    @property
    def name(self) -> str:
        """Of the xorb; clients keep chunks under it, so it stands for this content alone."""
        return sha256_of(f"{self.sha256}:{self.number}".encode()).hexdigest()

    @property
    def chunks(self) -> int:
        """How many."""
        return -(-self.length // CHUNK)

    @property
    def size(self) -> int:
        """Bytes with the headers."""
        return self.length + HEADER * self.chunks


def part_of(sha256: Sha256, size: int, number: int) -> Part | None:
    """The part with this number of a file of `size` bytes; None: it has none."""
    start = number * PART
    if not 0 <= start < size:
        return None
    return Part(sha256=sha256, number=number, start=start, length=min(PART, size - start))


def chunk_header(length: int) -> bytes:
    """Of a chunk that is not compressed."""
    told = length.to_bytes(3, "little")
    return b"\0" + told + b"\0" + told


def reconstruction(sha256: Sha256, size: int, start: int, end: int, url: Callable[[Part], str]) -> dict[str, Any]:
    """What a client needs for the bytes [start, end) of a file, 0 <= start < end <= size, in the clients' shape.

    Ranges of chunks are half-open, of bytes inclusive.
    """
    terms, fetches = [], {}
    for number in range(start // PART, -(-end // PART)):
        part = part_of(sha256, size, number)
        if part is None:
            break
        first = max(0, start - part.start) // CHUNK
        last = -(-min(part.length, end - part.start) // CHUNK)
        chunks = {"start": first, "end": last}
        behind = min(part.length, last * CHUNK)
        terms.append({"hash": part.name, "unpacked_length": behind - first * CHUNK, "range": chunks})
        sent = {"start": first * (CHUNK + HEADER), "end": behind + last * HEADER - 1}
        fetches[part.name] = [{"range": chunks, "url": url(part), "url_range": sent}]
    return {"offset_into_first_range": start % CHUNK, "terms": terms, "fetch_info": fetches}
