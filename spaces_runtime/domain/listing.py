"""What a listing of repos asks for: filters, order, and where the last page ended. Pure."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import Enum
from typing import Final

from spaces_runtime.domain.access import Sight
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.ids import RepoId
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.summary import Summary

SIZES: Final = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
AMOUNT: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)([KMBT]?)", re.IGNORECASE)
LONGEST: Final = 200  # characters of a cursor


class Sort(Enum):
    """By what, the most or the latest first. The values are the clients' words."""

    CREATED = "createdAt"
    MODIFIED = "lastModified"
    DOWNLOADS = "downloads"
    LIKES = "likes"
    TRENDING = "trendingScore"

    @property
    def is_lasting(self) -> bool:
        """Nobody can change it while somebody turns the pages."""
        return self is Sort.CREATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The last row of a page: the next one goes on behind it. key: what it is sorted by.

    snapshot: the order as the first page saw it, where that was kept; the next page begins there with row `offset`.
    """

    key: float
    id: RepoId
    snapshot: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """All must hold. tags: each a set of which the repo has one. parameters: least and most. linked: it names a model
    or a dataset. only: these repos, which were found by all of that before. None: any.

    card: the cards are wanted as well. rising: the least or the oldest first.
    """

    kind: Kind
    seen: Sight
    owner: str = ""
    words: tuple[str, ...] = ()
    tags: tuple[frozenset[str], ...] = ()
    gated: bool | None = None
    parameters: tuple[int, int] | None = None
    linked: bool = False
    sort: Sort = Sort.CREATED
    rising: bool = False
    after: Place | None = None
    limit: int = 1000
    card: bool = False
    only: tuple[RepoId, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A row: the repo, what its files say (None: not read yet), and what it is sorted by."""

    repo: Repo
    summary: Summary | None
    key: float


def cursor_of(place: Place, query: Query) -> str:
    """What a client sends back for the next page; it means nothing to anybody else."""
    text = json.dumps([query.sort.value, query.rising, place.key, place.id, place.snapshot, place.offset])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str, sort: Sort, *, rising: bool) -> Place:
    """Read it back.

    Raises:
        Fault: for a cursor that is not ours, or of another order.
    """
    try:
        named, was_rising, key, repo, snapshot, offset = json.loads(
            urlsafe_b64decode(cursor[:LONGEST] + "=" * (-len(cursor) % 4))
        )
        place = Place(key=float(key), id=RepoId(str(repo)), snapshot=str(snapshot), offset=max(0, int(offset)))
    except (ValueError, TypeError, RecursionError):
        named, was_rising, place = "", False, Place(key=0.0, id=RepoId(""))
    if (named, was_rising) != (sort.value, rising):
        then = "Begin with the first page."
        raise Fault(what="read the next page", why="the cursor is not one of ours", then=then)
    return place


def sort_of(word: str) -> Sort:
    """Raises a Fault that names the orders there are, when this is none. Empty: the newest first."""
    words = {sort.value: sort for sort in Sort} | {"created_at": Sort.CREATED, "last_modified": Sort.MODIFIED}
    words |= {"trending_score": Sort.TRENDING, "": Sort.CREATED}
    if word not in words:
        raise Fault(
            what="sort", why=f"{word!r} is no order", then=f"It is one of {', '.join(sort.value for sort in Sort)}."
        )
    return words[word]


def parameters_of(text: str) -> tuple[int, int] | None:
    """`min:6B,max:128B`, either part alone, or empty.

    Raises: Fault.
    """
    if not text:
        return None
    least, most = 1, 2**62
    for part in text.split(","):
        word, _, amount = part.strip().partition(":")
        found = AMOUNT.fullmatch(amount.strip())
        if word not in ("min", "max") or found is None:
            raise Fault(what="read num_parameters", why=f"{part!r} is not understood", then="Write min:6B,max:128B.")
        size = min(int(float(found[1]) * SIZES[found[2].upper()]), 2**62)
        least, most = (max(1, size), most) if word == "min" else (least, size)
    return least, most
