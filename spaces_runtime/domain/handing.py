"""How gateway and hub spare each other the bytes of large files. None of these headers passes a gateway. Pure.

Down: the gateway says in a request that it can send blobs by itself; the hub answers with all headers but the body,
and names the blob. Up: the gateway hands the hub the visitor's own socket, and the hub reads the body from it; what
the gateway had read before is the body of the request that it forwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spaces_runtime.domain.ids import Sha256

TAKES: Final = "X-Spaces-Takes"  # of a request
BLOBS: Final = "blobs"  # its value
BLOB: Final = "X-Spaces-Blob"  # of an answer
BODY: Final = "X-Spaces-Body"  # of a request: a number that came with the socket, and how many bytes are to be read
LARGE: Final = 2**23  # bytes of a body that is worth it: its connection is closed after the answer
UPLOADS: Final = re.compile(rb"PUT /api/lfs/|POST /xet/[^/]+/[^/]+/v1/xorbs/")  # what the hub can receive so
PASSED: Final = re.compile(r"([0-9a-f]{32}) (\d{1,18})")
TOLD: Final = re.compile(r"([0-9a-f]{64}) (\d{1,18}) (\d{1,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """The bytes [start, start + length) of a blob, that the gateway is to send."""

    sha256: Sha256
    start: int
    length: int

    @property
    def told(self) -> str:
        """The value of the header BLOB."""
        return f"{self.sha256} {self.start} {self.length}"


def handed(value: str) -> Handed | None:
    """What the hub's header says; None: nothing that it would say."""
    found = TOLD.fullmatch(value)
    return Handed(sha256=Sha256(found[1]), start=int(found[2]), length=int(found[3])) if found else None


def blob_path(blobs: Path, sha256: Sha256) -> Path:
    """Where a blob lies below the folder of the blobs."""
    return blobs / sha256[:2] / sha256[2:4] / sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A visitor's socket that was passed to the hub. number: came with it; rest: bytes to be read from it."""

    number: str
    rest: int

    @property
    def told(self) -> str:
        """The value of the header BODY."""
        return f"{self.number} {self.rest}"


def passed(value: str) -> Passed | None:
    """What the gateway's header says; None: nothing that it would say."""
    found = PASSED.fullmatch(value)
    return Passed(number=found[1], rest=int(found[2])) if found else None


def is_worth_passing(method: bytes, path: bytes, length: int | None) -> bool:
    """Whether the hub reads such a body by itself. length: bytes; None: not known before its end."""
    return length is not None and length >= LARGE and UPLOADS.match(b"%b %b" % (method, path)) is not None
