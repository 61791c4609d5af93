"""Files and folders of a revision."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import EntryMissing, Fault
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.repo import Entry
from spaces_runtime.hub.asked import Asked, api, asked
from spaces_runtime.hub.repo_json import entry_json, page_of
from spaces_runtime.hub.wire import body, fault_response, flag, next_link, number, unquoted

router = APIRouter()
PAGE, EXPANDED_PAGE = 1000, 50
MOST_PATHS = 10_000  # of one paths-info


@api(router, "/tree/{rev}", "GET")
@api(router, "/tree/{rev}/{path:path}", "GET")
async def tree(request: Request) -> Response:
    """What a folder holds, in the order of paths; `recursive`: with all below."""
    found = await asked(request, Verb.READ)
    revision, begin = await found.page(request)
    path = unquoted(request.path_params.get("path", "")).strip("/")
    try:
        entries = await found.desk.repos.tree(found.repo.id, revision, path, recursive=flag(request, "recursive"))
    except EntryMissing as fault:
        return fault_response(request, fault, {"X-Repo-Commit": revision})
    expand = flag(request, "expand")
    most = EXPANDED_PAGE if expand else PAGE
    page, end = page_of(entries, begin, number(request, "limit", default=most, most=most))
    cursor = f"{revision}.{end}" if end else ""
    rows = await _rows(found, revision, page, expand=expand)
    return JSONResponse(rows, headers={"X-Repo-Commit": revision, **next_link(request, cursor)})


@api(router, "/paths-info/{rev}", "POST")
async def paths_info(request: Request) -> list[dict[str, Any]]:
    """The entries of these paths; those that are not there are left out.

    Clients copy large files across repos by their xetHash; ours is the sha256, by which xet_download finds them, too.
    """
    found = await asked(request, Verb.READ)
    revision = await found.revision(request)
    paths, expand = await _wanted(request)
    entries = []
    for path in paths:
        with suppress(EntryMissing):
            entries.append(await found.desk.repos.entry(found.repo.id, revision, path.strip("/")))
    rows = await _rows(found, revision, [entry for entry in entries if entry.path], expand=expand)
    return [row | {"xetHash": row["lfs"]["oid"]} if "lfs" in row else row for row in rows]


async def _rows(found: Asked, revision: RevisionId, entries: Sequence[Entry], *, expand: bool) -> list[dict[str, Any]]:
    paths = [entry.path for entry in entries]
    last = await found.desk.repos.last_commits(found.repo.id, revision, paths) if expand and paths else {}
    return [entry_json(entry, last.get(entry.path)) for entry in entries]


async def _wanted(request: Request) -> tuple[list[str], bool]:
    """Old clients send a form, others JSON."""
    if request.headers.get("content-type", "").startswith("application/json"):
        given = await body(request)
        paths, expand = given.get("paths"), given.get("expand") is True
    else:
        form = await request.form(max_files=0, max_fields=MOST_PATHS + 1)
        paths, expand = form.getlist("paths"), str(form.get("expand", "")).lower() == "true"
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list) or len(paths) > MOST_PATHS or not all(isinstance(path, str) for path in paths):
        raise Fault(what="read the request", why=f"paths must be at most {MOST_PATHS} strings")
    return [str(path) for path in paths], expand
