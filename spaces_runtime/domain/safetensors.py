"""The header of a safetensors file: eight bytes of length, then JSON of name → dtype, shape, offsets. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Final

FIRST: Final = 8  # bytes that say how long the header is
LONGEST: Final = 32 * 2**20  # bytes of a header that are read; those of the largest models have a few


def header_length(first: bytes) -> int:
    """Bytes from the start of the file to the end of its header; 0: this is no safetensors file."""
    length = int.from_bytes(first[:FIRST], "little") if len(first) >= FIRST else 0
    return FIRST + length if 0 < length <= LONGEST else 0


def parameters(start: bytes) -> Mapping[str, int] | None:
    """Parameters by dtype; None: this is no safetensors file. start: the file, at least to the end of its header."""
    end = header_length(start)
    if not end or len(start) < end:
        return None
    try:
        header = json.loads(start[FIRST:end])
        tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
        found: Counter[str] = Counter()
        for tensor in tensors:
            found[str(tensor["dtype"])] += prod(int(size) for size in tensor["shape"])
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
        return None
    return dict(found)
