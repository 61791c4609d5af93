"""A Space's page: what does this app do (it is there already), in which stage, and why."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.events import StageChanged
from spaces_runtime.domain.logs import Line, Source
from spaces_runtime.domain.operations import settings
from spaces_runtime.domain.operations.cards import Cards
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.show import View, holders, show
from spaces_runtime.domain.operations.visit import proof
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.plain import words
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.spoken import clock
from spaces_runtime.domain.timeline import Happened, What, said
from spaces_runtime.web.shown import Shown, shown
from spaces_runtime.web.site import Site

LINES = 500  # of a log on the page; the stream and the download have all
BUILDS = 20
HAPPENED = 50  # the API has all
USED = 12  # models, and as many datasets, that a card names


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """The Space a request is about, and who asks."""

    repo: Repo
    who: Person | None
    view: View
    shown: Shown
    writes: bool

    def told(self, tab: str) -> dict[str, Any]:
        """What head.html needs."""
        page = f"/spaces/{self.repo.full}"
        tabs = [("app", page, "App")]
        if may(self.who, Verb.READ, self.repo):
            tabs += [("files", f"{page}/tree/main", "Files")]
        if self.writes:
            tabs += [("logs", f"{page}/logs", "Logs"), ("settings", f"{page}/settings", "Settings")]
        return {"repo": RepoShown(self.repo), "view": self.shown, "writes": self.writes, "tabs": tabs, "tab": tab}


async def page_of(desk: Desk, who: Person | None, kind: Kind, name: str) -> str:
    """The page of a repo that a card names; empty when it is not here, or not for this person."""
    namespace, _, short = name.rpartition("/")
    repo = await desk.index.find(kind, namespace, short) if namespace else None
    return RepoShown(repo).page if repo is not None and may(who, Verb.READ, repo) else ""


class RepoShown:
    """A repo for templates. page: its first page."""

    def __init__(self, repo: Repo) -> None:
        self.namespace, self.name, self.full, self.private = repo.namespace, repo.name, repo.full, repo.private
        self.kind = repo.kind
        self.page = f"/{repo.kind.prefix}{repo.full}"


async def here(site: Site, cards: Cards, request: Request, verb: Verb = Verb.VISIT) -> Here:
    """Find it, for this person and purpose."""
    who = await site.identify(request)
    namespace, name = (unquote(request.path_params[key]) for key in ("ns", "name"))
    repo = await find_repo(site.desk, who, Kind.SPACE, namespace, name, verb)
    now = time.time()
    view = await show(site.desk, repo, now)
    signed = await proof(site.desk, who, repo, key=site.visitor_key, now=now) if repo.private and who else ""
    told = shown(view, await cards.head(repo), proof=signed)
    return Here(repo=repo, who=who, view=view, shown=told, writes=may(who, Verb.WRITE, repo))


async def app(site: Site, cards: Cards, request: Request) -> Response:
    """The app in its frame, or why there is none."""
    at = await here(site, cards, request)
    card = await cards.head(at.repo) if may(at.who, Verb.READ, at.repo) else {}
    named = [(kind, name) for kind in (Kind.MODEL, Kind.DATASET) for name in words(card.get(kind.plural))[:USED]]
    uses = [(name, await page_of(site.desk, at.who, kind, name)) for kind, name in named]
    held = await holders(site.desk, at.who, at.view.waits) if at.view.waits is not None else ([], 0)
    return await site.page(request, "space.html", uses=uses, held_by=held[0], others=held[1], **at.told("app"))


async def logs(site: Site, cards: Cards, request: Request) -> Response:
    """What happened to it, run and build log, and the builds."""
    at = await here(site, cards, request, Verb.WRITE)
    run, build = [await site.desk.logs.last(at.view.id, source, LINES) for source in (Source.RUN, Source.BUILD)]
    builds = await site.desk.builds.newest(at.view.id, BUILDS)
    happened = [_happened(each) for each in await site.desk.timeline.of(at.view.id, HAPPENED)]
    return await site.page(
        request,
        "logs.html",
        run_lines=_timed(run),
        build_lines=_timed(build),
        builds=builds,
        happened=happened,
        **at.told("logs"),
    )


async def log_file(site: Site, cards: Cards, request: Request) -> Response:
    """A whole kept log as text."""
    at = await here(site, cards, request, Verb.WRITE)
    word = str(request.path_params["source"]).removesuffix(".txt")
    if word not in {source.value for source in Source}:
        raise Missing(what="download a log", why=f"there is no {word} log")
    lines = site.desk.logs.read(at.view.id, Source(word), follow=False)
    text = "".join([f"{line.stamp} {line.text}\n" async for line in lines])
    attached = {"Content-Disposition": f'attachment; filename="{at.repo.name}-{word}.log"'}
    return PlainTextResponse(text, headers=attached)


async def live(site: Site, cards: Cards, request: Request) -> Response:
    """The stage as it changes, for as long as the page is open."""
    at = await here(site, cards, request)
    return StreamingResponse(_stages(site, cards, request, at), media_type="text/event-stream")


async def _stages(site: Site, cards: Cards, request: Request, at: Here) -> AsyncIterator[str]:
    events = site.desk.events.stream(at.view.id, "")
    yield _told(at.shown)
    async for _, event in events:
        if isinstance(event, StageChanged):
            yield _told((await here(site, cards, request)).shown)


def _told(now: Shown) -> str:
    data = {"word": now.word, "tone": now.tone, "why": now.why, "opens": now.opens}
    return f"event: stage\ndata: {json.dumps(data)}\n\n"


async def restart(site: Site, cards: Cards, request: Request) -> Response:
    """Start it anew."""
    at = await here(site, cards, request, Verb.WRITE)
    await settings.restart(site.desk, at.who, at.repo, rebuild=False)
    return RedirectResponse(at.shown.page, 303)


async def pause(site: Site, cards: Cards, request: Request) -> Response:
    """Stop it until a member starts it."""
    at = await here(site, cards, request, Verb.WRITE)
    await settings.pause(site.desk, at.who, at.repo)
    return RedirectResponse(at.shown.page, 303)


def _happened(happened: Happened) -> dict[str, str]:
    why = "" if happened.what is What.CHANGED else happened.why
    return {"time": clock(happened.at, time.time()), "what": said(happened), "why": why, "by": happened.by}


def _timed(lines: list[Line]) -> list[dict[str, str]]:
    return [{"time": line.stamp[11:19], "text": line.text} for line in lines]
