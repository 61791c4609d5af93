"""What can I use here, and is it awake?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from fastapi import Request, Response

from spaces_runtime.domain.access import sight
from spaces_runtime.domain.listing import Listed, Query, Sort
from spaces_runtime.domain.operations.cards import Cards
from spaces_runtime.domain.operations.show import show_all
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.web.paging import turn
from spaces_runtime.web.shown import Shown, shown
from spaces_runtime.web.site import Site, spoken_moment

STATES = {"": "All", "running": "Running", "asleep": "Asleep", "trouble": "Needs its author"}
TONES = {"running": ("running",), "asleep": ("frozen", "checkpointed", "cold"), "trouble": ("error",)}


async def spaces(site: Site, cards: Cards, request: Request) -> Response:
    """The list of Spaces that this person may visit, newest change first."""
    words, owner, state = (request.query_params.get(key, "") for key in ("q", "owner", "state"))
    state = state if state in STATES else ""
    query = Query(kind=Kind.SPACE, seen=sight(await site.identify(request)), owner=owner, sort=Sort.MODIFIED, card=True)

    async def look(rows: Sequence[Listed]) -> Sequence[tuple[Listed, Shown]]:
        views = {view.repo.id: view for view in await show_all(site.desk, [row.repo for row in rows], time.time())}
        there = [(row, shown(views[row.repo.id], await _card(cards, row))) for row in rows if row.repo.id in views]
        return [(row, card) for row, card in there if _fits(words, card) and (not state or card.tone in TONES[state])]

    page = await turn(site.desk.index, request, query, look, sparse=bool(words or state))
    chips = [
        {"word": word, "on": state == key, "href": "/spaces?" + urlencode({"q": words, "owner": owner, "state": key})}
        for key, word in STATES.items()
    ]
    told = summary(await site.desk.index.count(query), [card.tone for card in page.rows] if page.whole else ())
    return await site.page(
        request, "explore.html", page=page, chips=chips, summary=told, q=words, owner=owner, state=state
    )


async def repos(site: Site, kind: Kind, request: Request) -> Response:
    """Models or datasets, newest change first. owner, tag: only these."""
    owner, tag = (request.query_params.get(key, "") for key in ("owner", "tag"))
    tags = (frozenset({tag}),) if tag else ()
    query = Query(kind=kind, seen=sight(await site.identify(request)), owner=owner, tags=tags, sort=Sort.MODIFIED)

    async def look(rows: Sequence[Listed]) -> Sequence[tuple[Listed, Mapping[str, object]]]:
        return [(row, _row(row.repo)) for row in rows]

    page = await turn(site.desk.index, request, query, look, sparse=False)
    count = await site.desk.index.count(query)
    wanted = ", ".join([*([f"of {owner}"] if owner else []), *([f"tagged {tag}"] if tag else [])])
    words = f"{count:,} {kind.value if count == 1 else kind.plural} {wanted or 'on this machine'}."
    return await site.page(request, "repos.html", page=page, summary=words, section=kind.plural, wanted=wanted)


def _row(repo: Repo) -> Mapping[str, object]:
    return {
        "name": repo.full,
        "page": f"/{repo.kind.prefix}{repo.full}",
        "private": repo.private,
        "when": spoken_moment(repo.updated_at),
        "stamp": datetime.fromtimestamp(repo.updated_at, UTC).isoformat(),
    }


async def _card(cards: Cards, row: Listed) -> Mapping[str, object]:
    """As the index has it; from the files of a repo that it has not read yet."""
    return row.summary.card if row.summary is not None else await cards.head(row.repo)


def summary(count: int, tones: Sequence[str]) -> str:
    """One line over the list: how many there are; and, when these are all, how many run and sleep."""
    if not count:
        return "Nothing is here yet."
    said = f"{count:,} {'app' if count == 1 else 'apps'} on this machine."
    if len(tones) != count:
        return said
    running, asleep, wrong = (sum(tone in TONES[state] for tone in tones) for state in ("running", "asleep", "trouble"))
    said += f" {running} {'runs' if running == 1 else 'run'} now"
    if asleep:
        verbs = "sleeps and wakes when you open it" if asleep == 1 else "sleep and wake when you open them"
        said += f", {asleep} {verbs}"
    said += "."
    return f"{said} {wrong} {'needs its' if wrong == 1 else 'need their'} author." if wrong else said


def _fits(query: str, card: Shown) -> bool:
    text = f"{card.face.title} {card.description} {card.page}".lower()
    return all(word in text for word in query.lower().split())
