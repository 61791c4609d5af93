"""LFS pointers: the small text that stands in git for large content."""

from __future__ import annotations

import re
from typing import Final

from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.repo import Lfs

SMALL: Final = 1024  # bytes; the LFS specification's bound for a pointer
POINTER: Final = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    rb"(?:[a-z0-9.-]+ [^\n]*\n)*?oid sha256:([0-9a-f]{64})\nsize (\d{1,18})\n\Z"
)


def pointer(content: bytes) -> Lfs | None:
    """What an LFS pointer names; None if the content is not one."""
    found = POINTER.match(content) if len(content) <= SMALL else None
    if found is None:
        return None
    return Lfs(sha256=Sha256(found[1].decode()), size=int(found[2]), pointer_size=len(content))


def pointer_bytes(sha256: Sha256, size: int) -> bytes:
    """The pointer that git-lfs itself would write, byte for byte."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
