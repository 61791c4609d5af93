"""Commits over the API: which files go where, and the commit itself."""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from pathspec import GitIgnoreSpec

from builder.card import check_card
from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import EntryMissing, Fault
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.large import by_rule, is_binary, lfs_rules
from spaces_runtime.domain.operations.discussions import LONGEST_TITLE, talk
from spaces_runtime.domain.operations.push import pushed
from spaces_runtime.domain.repo import AddFile, Change
from spaces_runtime.hub.asked import Asked, api, asked
from spaces_runtime.hub.commit_lines import Header, Reader
from spaces_runtime.hub.wire import body, endpoint, flag, unquoted

router = APIRouter()
UNTITLED = "Upload files"
MOST_FILES = 1000  # of one preupload; clients send at most 256


@api(router, "/preupload/{rev}", "POST")
async def preupload(request: Request) -> dict[str, Any]:
    """For each file: by commit line or as large content, whether to leave it out, and what is there now."""
    found = await asked(request, Verb.WRITE)
    revision = await found.revision(request)
    wanted = await body(request)
    files = wanted.get("files")
    if not isinstance(files, list) or len(files) > MOST_FILES:
        raise Fault(what="read the request", why=f"files must be a list of at most {MOST_FILES}")
    rules = lfs_rules((await _read(found, revision, ".gitattributes")).decode(errors="replace"))
    ignored = GitIgnoreSpec.from_lines(str(wanted.get("gitIgnore") or "").splitlines())
    limit = found.desk.settings.hub.max_regular
    named = [_file(file) for file in files]
    # The one answer whose text clients show before they send large files.
    sizes = [size for _, size, _ in named]
    await found.desk.storage.take(found.repo.id, 0, f"upload to {found.repo.full}", sizes=sizes)
    answers = []
    for path, size, sample in named:
        large = size > limit or by_rule(rules, path) or is_binary(sample, whole=size <= len(sample))
        answers.append(
            {
                "path": path,
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": ignored.match_file(path),
                "oid": await _current(found, revision, path),
            }
        )
    return {"files": answers}


def _file(file: Any) -> tuple[str, int, bytes]:  # noqa: ANN401 - as it came
    if not isinstance(file, dict) or not isinstance(file.get("path"), str) or not isinstance(file.get("size"), int):
        raise Fault(what="read the request", why="each file needs path and size")
    try:
        return file["path"], file["size"], b64decode(str(file.get("sample") or ""))
    except (NotBase64, ValueError):
        raise Fault(what="read the request", why=f"the sample of {file['path']} is not base64") from None


async def _current(found: Asked, revision: RevisionId, path: str) -> str | None:
    with suppress(EntryMissing):
        entry = await found.desk.repos.entry(found.repo.id, revision, path)
        if not entry.folder:
            return entry.lfs.sha256 if entry.lfs else entry.oid
    return None


async def _read(found: Asked, revision: RevisionId, path: str) -> bytes:
    with suppress(EntryMissing):
        return await found.desk.repos.read(found.repo.id, revision, path)
    return b""


@api(router, "/commit/{rev}", "POST")
async def commit(request: Request) -> dict[str, Any]:
    """All lines or none, on top of the head; with parentCommit only if that is the head. `create_pr`: to a new branch
    that is proposed for main.
    """
    found = await asked(request, Verb.WRITE)
    branch = unquoted(request.path_params["rev"])
    await found.revision(request)
    with found.desk.blobs.folder() as spool:
        limit = found.desk.settings.hub.max_regular
        reader = Reader(repo=found.repo.id, index=found.desk.index, spool=spool, limit=limit)
        header, changes = await reader.read(request.stream())
        await _check_card(found, changes)
        # Shielded: once it has begun, a commit is made and told, also if the client has gone.
        if flag(request, "create_pr"):
            made, number = await asyncio.shield(_propose(found, branch, changes, header))
        else:
            made, number = await asyncio.shield(_make(found, branch, changes, header)), 0
    page = f"{endpoint(request)}/{found.repo.kind.prefix}{found.repo.full}"
    shown = {"success": True, "commitOid": made, "commitUrl": f"{page}/commit/{made}", "hookOutput": ""}
    return shown | ({"pullRequestUrl": f"{page}/discussions/{number}"} if number else {})


async def _propose(found: Asked, branch: str, changes: Sequence[Change], header: Header) -> tuple[RevisionId, int]:
    """The commit, and the number of the pull request that it opens."""
    if branch != "main":
        raise Fault(what="open a pull request", why=f"it is for main, not for {branch}")
    speaks = talk(found.desk, found.who, found.repo, time.time())
    made = await speaks.open(header.summary[:LONGEST_TITLE].strip() or UNTITLED, header.description, pull=True)
    try:
        return await _make(found, made.ref, changes, header), made.number
    except BaseException:
        await speaks.take_back(made)
        raise


async def _make(found: Asked, branch: str, changes: Sequence[Change], header: Header) -> RevisionId:
    who = found.who.name if found.who else ""
    brought = sum(change.size for change in changes if isinstance(change, AddFile))
    await found.desk.storage.take(found.repo.id, brought, f"commit to {found.repo.full}")
    made = await found.desk.repos.commit(
        found.repo.id, branch, changes, author=who, message=header.message, parent=header.parent
    )
    await found.desk.index.audit(who, f"commit {branch} {made[:7]}", found.repo.full)
    await found.desk.storage.grew(found.repo.id, brought)
    await pushed(found.desk, found.repo, by=who)
    return made


async def _check_card(found: Asked, changes: Sequence[Change]) -> None:
    for change in changes:
        if isinstance(change, AddFile) and change.path == "README.md":
            content = change.content if isinstance(change.content, bytes) else change.content.read_bytes()
            errors, _ = check_card(content.decode(errors="replace"), found.repo.kind.value)
            if errors:
                raise Fault(what="commit README.md", why="; ".join(errors).rstrip("."))
