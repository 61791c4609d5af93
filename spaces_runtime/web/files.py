"""The files of any repo at a revision."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, unquote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.card import README
from spaces_runtime.domain.errors import EntryMissing
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.operations.cards import Cards
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.repo import Entry, Kind, Repo
from spaces_runtime.web import repo as repo_page
from spaces_runtime.web.readmes import Readmes
from spaces_runtime.web.site import Site, spoken_bytes
from spaces_runtime.web.space import RepoShown, here

READABLE: Final = 512 * 1024  # bytes of a file that is shown; a larger one is downloaded


async def tree(site: Site, cards: Cards, readmes: Readmes, kind: Kind, request: Request) -> Response:
    """A folder, and its README below it. That of a model or dataset stands on its own page, the card."""
    repo, revision, head = await _found(site, kind, request)
    path = _path(request)
    entries = await site.desk.repos.tree(repo.id, head, path, recursive=False)
    ordered = sorted(entries, key=lambda entry: (not entry.folder, entry.path.lower()))
    card = bool(path) or kind is Kind.SPACE
    found = next((e for e in entries if card and e.path == f"{path}/{README}".lstrip("/") and not e.lfs), None)
    readme = await readmes.of(repo, head, found.path, named=revision) if found else None
    commits = await site.desk.repos.history(repo.id, head, skip=0, limit=1)
    return await _page(
        site, cards, request, repo,
        revision=revision, head=head, entries=ordered, readme=readme, title=commits[0].title,
        crumbs=_crumbs(repo, "tree", revision, path), path_in_repo=path,
    )  # fmt: skip


async def blob(site: Site, cards: Cards, kind: Kind, request: Request) -> Response:
    """One file, when it is text."""
    repo, revision, head = await _found(site, kind, request, Verb.FETCH)
    path = _path(request)
    entry = await site.desk.repos.entry(repo.id, head, path)
    if entry.folder:
        return RedirectResponse(f"{RepoShown(repo).page}/tree/{quote(revision, safe='')}/{quote(path)}", 303)
    text = await _text(site, repo, head, entry)
    why = "It is large." if entry.size > READABLE else "It is not text."
    raw = f"{RepoShown(repo).page}/resolve/{quote(revision, safe='')}/{quote(path)}?download=true"
    return await _page(
        site, cards, request, repo,
        revision=revision, head=head, entry=entry, text=text, why=f"{why} {spoken_bytes(entry.size)} to download.",
        raw=raw, title="", crumbs=_crumbs(repo, "blob", revision, path),
    )  # fmt: skip


async def _found(site: Site, kind: Kind, request: Request, verb: Verb = Verb.READ) -> tuple[Repo, str, RevisionId]:
    """The repo, the revision as it was asked for, and its commit."""
    who = await site.identify(request)
    namespace, name = (unquote(request.path_params[key]) for key in ("ns", "name"))
    repo = await find_repo(site.desk, who, kind, namespace, name, verb)
    revision = unquote(request.path_params.get("rev", "main"))
    return repo, revision, await site.desk.repos.resolve(repo.id, revision)


def _path(request: Request) -> str:
    return unquote(request.path_params.get("path", "")).strip("/")


async def _page(site: Site, cards: Cards, request: Request, repo: Repo, **values: Any) -> Response:  # noqa: ANN401 - see Site.page
    """A Space's files stand under its head; other repos have a plain one."""
    if repo.kind is Kind.SPACE:
        told = (await here(site, cards, request, Verb.READ)).told("files")
    else:
        told = repo_page.told(repo, "files") | {"view": None}
    return await site.page(request, "files.html", **told, **values)


async def _text(site: Site, repo: Repo, head: RevisionId, entry: Entry | None) -> list[str] | None:
    """The lines of a small text file; None when it is something else."""
    if entry is None or entry.lfs or entry.size > READABLE:
        return None
    try:
        return (await site.desk.repos.read(repo.id, head, entry.path)).decode().splitlines()
    except (UnicodeDecodeError, EntryMissing):
        return None


def _crumbs(repo: Repo, last: str, revision: str, path: str) -> list[tuple[str, str]]:
    """Each folder above with its address, and the thing itself."""
    base, parts = f"{RepoShown(repo).page}/{{}}/{quote(revision, safe='')}", [part for part in path.split("/") if part]
    return [
        (part, f"{base.format(last if n == len(parts) else 'tree')}/{quote('/'.join(parts[:n]))}")
        for n, part in enumerate(parts, 1)
    ]
