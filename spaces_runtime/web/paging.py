"""Pages of a listing: read as far as a page goes, however many repos there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Request

from spaces_runtime.domain.listing import Listed, Place, Query, cursor_of, place_of
from spaces_runtime.domain.ports.durable import Index

SIZE: Final = 60  # rows of a page: what the grid of Spaces fills in rows of two, three and four
STEP: Final = 500  # rows read at a time, while most of them are left out
T = TypeVar("T")
Look = Callable[[Sequence[Listed]], Awaitable[Sequence[tuple[Listed, T]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """What stands on it, in the listing's order. before, after: addresses of its neighbours; empty: there is none."""

    rows: Sequence[T]
    before: str
    after: str

    @property
    def whole(self) -> bool:
        """Whether it is all there is."""
        return not self.before and not self.after


async def turn(index: Index, request: Request, query: Query, look: Look[T], *, sparse: bool) -> Page[T]:
    """The page that the address asks for by `after` or `before`; else the first.

    look: what to show of rows, without those that the page leaves out. sparse: it leaves out many.

    Raises:
        Fault: the address is not one that a page gave out.
    """
    back = request.query_params.get("before", "")
    cursor = back or request.query_params.get("after", "")
    at = place_of(cursor, query.sort, rising=bool(back)) if cursor else None
    found = await _read(index, replace(query, rising=bool(back), after=at), look, STEP if sparse else SIZE + 1)
    if back and len(found) <= SIZE:  # the first page, and it is not to be a short one
        back, at = "", None
        found = await _read(index, query, look, STEP if sparse else SIZE + 1)
    more, found = len(found) > SIZE, found[:SIZE]
    if back:
        found.reverse()
    return Page(
        rows=[shown for _, shown in found],
        before=_address(request, query, found[0][0], "before") if found and (more if back else at) else "",
        after=_address(request, query, found[-1][0], "after") if found and (back or more) else "",
    )


async def _read(index: Index, query: Query, look: Look[T], step: int) -> list[tuple[Listed, T]]:
    """A page and one row more, if there is one."""
    found: list[tuple[Listed, T]] = []
    while True:
        rows = await index.page(replace(query, limit=step))
        found += await look(rows)
        if len(found) > SIZE or len(rows) < step:
            return found
        query = replace(query, after=Place(key=rows[-1].key, id=rows[-1].repo.id))


def _address(request: Request, query: Query, row: Listed, side: str) -> str:
    cursor = cursor_of(Place(key=row.key, id=row.repo.id), replace(query, rising=side == "before"))
    kept = {key: value for key, value in request.query_params.items() if key not in ("before", "after")}
    return f"{request.url.path}?{urlencode({**kept, side: cursor})}"
