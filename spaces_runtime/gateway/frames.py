"""Which bytes of a WebSocket are messages: pings and pongs are no activity. RFC 6455 §5.2."""

from __future__ import annotations

CONTROL = 0x8  # opcodes from here on are control frames


class Frames:
    """Follows one direction of a WebSocket without keeping or decoding what it carries."""

    __slots__ = ("_head", "_skip")

    def __init__(self) -> None:
        self._skip = 0  # bytes left of the present frame
        self._head = b""

    def feed(self, data: bytes) -> bool:
        """Whether a message, or a part of one, is in these bytes."""
        message, at, end = False, 0, len(data)
        while at < end:
            if self._skip:
                step = min(self._skip, end - at)
                self._skip -= step
                at += step
                continue
            self._head += data[at : at + 1]
            at += 1
            size = self._size()
            if size is not None:
                message = message or self._head[0] & 0xF < CONTROL
                self._skip, self._head = size, b""
        return message

    def _size(self) -> int | None:
        """Bytes that follow this frame's first ones, mask included; None: the length is not complete."""
        head = self._head
        if len(head) < 2:  # noqa: PLR2004
            return None
        mask, short = 4 if head[1] & 0x80 else 0, head[1] & 0x7F
        extra = {126: 2, 127: 8}.get(short, 0)
        if len(head) < 2 + extra:
            return None
        return mask + (int.from_bytes(head[2:], "big") if extra else short)
