"""How the hub lets a gateway send a blob by itself, so that its bytes never pass through the hub.

The gateway says in a request that it can; the hub answers with all headers but the body, and names the blob. Neither
header passes a gateway, in either direction. Pure.
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
