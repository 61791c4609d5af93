"""How much is stored, how much may be, and the sentence when it is too much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from spaces_runtime.domain.errors import Fault, OverQuota

UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")
STEP: Final = 1000
MOST: Final = 2**62  # bytes; what a database keeps in one number


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Of a namespace or a repo: bytes that are stored and that may be. limit: 0 is none."""

    name: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a repo's next bytes are counted against."""

    repo: Use
    namespace: Use

    def take(self, more: int, what: str) -> None:
        """Nothing happens when `more` bytes fit.

        Raises: OverQuota.
        """
        for use, then in ((self.repo, THEN_REPO), (self.namespace, THEN_NAMESPACE)):
            if use.limit and more > 0 and use.used + more > use.limit:
                raise OverQuota(
                    what=f"{what} ({said(more)})",
                    why=f"{use.name} uses {said(use.used)} of {said(use.limit)}",
                    then=then,
                )

    def after(self, more: int) -> Room:
        """With so many bytes more used."""
        repo, namespace = (replace(use, used=use.used + more) for use in (self.repo, self.namespace))
        return Room(repo=repo, namespace=namespace)


THEN_REPO: Final = "Remove old versions (super-squash the history), split it, or ask the operator of this hub for more."
THEN_NAMESPACE: Final = "Delete repos or old versions that are not needed, or ask the operator of this hub for more."


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What a sweep took. size: bytes that are free again."""

    what: str
    count: int
    size: int

    def plus(self, other: Removed) -> Removed:
        """Both, under this one's name."""
        return replace(self, count=self.count + other.count, size=self.size + other.size)

    def counted_elsewhere(self) -> Removed:
        """Its bytes are free only with the blobs, which others may share."""
        return replace(self, size=0)


def said(size: int) -> str:
    """Bytes as people read them."""
    value, unit = float(size), 0
    while value >= STEP and unit < len(UNITS) - 1:
        value, unit = value / STEP, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit else f"{size} B"


def size_of(text: str) -> int:
    """Bytes from what a person wrote: `50GB`, `1.5 TB`, `1000`, or `none` for no limit.

    Raises: Fault.
    """
    word = text.strip().lower().removesuffix("b")
    if word in ("none", "unlimited"):
        return 0
    power = next((place for place, unit in enumerate(UNITS) if place and word.endswith(unit[0].lower())), 0)
    try:
        size = float(word[:-1] if power else word) * STEP**power
    except ValueError:
        size = -1.0
    if not 0 <= size <= MOST:
        raise Fault(what="set the quota", why=f"{text!r} is not a size", then="Write 50GB, 1.5TB, or none.")
    return int(size)
