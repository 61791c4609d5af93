"""What can I use here, and is it awake?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from fastapi import Request, Response

from spaces_runtime.domain.access import Verb, may, sight
from spaces_runtime.domain.listing import Query, Sort
from spaces_runtime.domain.operations.cards import Cards
from spaces_runtime.domain.operations.show import View, show_all
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.web.shown import Shown, shown
from spaces_runtime.web.site import Site, spoken_moment

STATES = {"": "All", "running": "Running", "asleep": "Asleep", "trouble": "Needs its author"}
MOST = 500  # models or datasets on a page
TONES = {"running": ("running",), "asleep": ("frozen", "checkpointed", "cold"), "trouble": ("error",)}


async def spaces(site: Site, cards: Cards, request: Request) -> Response:
    """The list of Spaces that this person may visit."""
    query, owner, state = (request.query_params.get(key, "") for key in ("q", "owner", "state"))
    who = await site.identify(request)
    repos = [repo for repo in await site.desk.index.listing(Kind.SPACE) if _wanted(who, repo, owner)]
    views = await show_all(site.desk, repos, time.time())
    found = [shown(view, await cards.head(view.repo)) for view in views]
    told = [card for card in found if _fits(query, card) and (not state or card.tone in TONES.get(state, ()))]
    chips = [
        {"word": word, "on": state == key, "href": "/spaces?" + urlencode({"q": query, "owner": owner, "state": key})}
        for key, word in STATES.items()
    ]
    return await site.page(
        request, "explore.html", cards=told, chips=chips, summary=summary(views), q=query, owner=owner, state=state
    )


async def repos(site: Site, kind: Kind, request: Request) -> Response:
    """Models or datasets, newest change first. owner, tag: only these."""
    owner, tag = (request.query_params.get(key, "") for key in ("owner", "tag"))
    tags = (frozenset({tag}),) if tag else ()
    seen = sight(await site.identify(request))
    query = Query(kind=kind, seen=seen, owner=owner, tags=tags, sort=Sort.MODIFIED, limit=MOST)
    rows = [
        {
            "name": row.repo.full,
            "page": f"/{kind.prefix}{row.repo.full}",
            "private": row.repo.private,
            "when": spoken_moment(row.repo.updated_at),
            "stamp": datetime.fromtimestamp(row.repo.updated_at, UTC).isoformat(),
        }
        for row in await site.desk.index.page(query)
    ]
    words = kind.value if len(rows) == 1 else kind.plural
    wanted = ", ".join([*([f"of {owner}"] if owner else []), *([f"tagged {tag}"] if tag else [])])
    which = f"{words} {wanted or 'on this machine'}"
    count = f"The {MOST} {which} that changed last." if len(rows) == MOST else f"{len(rows)} {which}."
    return await site.page(request, "repos.html", rows=rows, summary=count, section=kind.plural, wanted=wanted)


def summary(views: Sequence[View]) -> str:
    """One line over the list: how many there are, run, sleep."""
    tones = [shown(view, {}).tone for view in views]
    running, asleep, wrong = (sum(tone in TONES[state] for tone in tones) for state in ("running", "asleep", "trouble"))
    if not views:
        return "Nothing is here yet."
    said = [
        f"{len(views)} {'app' if len(views) == 1 else 'apps'} on this machine.",
        f"{running} {'runs' if running == 1 else 'run'} now",
    ]
    said[-1] += (
        f", {asleep} {'sleeps and wakes when you open it' if asleep == 1 else 'sleep and wake when you open them'}."
        if asleep
        else "."
    )
    if wrong:
        said.append(f"{wrong} {'needs its' if wrong == 1 else 'need their'} author.")
    return " ".join(said)


def _wanted(who: Person | None, repo: Repo, owner: str) -> bool:
    return may(who, Verb.VISIT, repo) and (not owner or repo.namespace.lower() == owner.lower())


def _fits(query: str, card: Shown) -> bool:
    text = f"{card.face.title} {card.description} {card.page}".lower()
    return all(word in text for word in query.lower().split())
