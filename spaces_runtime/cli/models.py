"""`spaces import-model`: a local checkpoint becomes a model repo, through the operations an upload goes through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from fnmatch import fnmatch
from io import BufferedReader

from spaces_runtime.cli.checkpoint import Checkpoint, Part, content_of, sha256_of
from spaces_runtime.cli.context import OPERATOR
from spaces_runtime.domain.errors import Fault, Taken
from spaces_runtime.domain.naming import checked_namespace
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.push import pushed
from spaces_runtime.domain.operations.repos import LARGE, NewRepo, create_repo
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import AddBlob, AddFile, Change, Kind, Repo

PIECE = 4 * 2**20  # bytes read at a time


async def import_model(desk: Desk, checkpoint: Checkpoint, name: str, alias: str = "") -> str:
    """Import, give the alias, and say what was done. Importing again makes a new commit where anything changed.

    Raises:
        Fault: the name is none. Taken: the alias leads to another repo.
    """
    owner, namespace, repo_name = await _owner(desk, name)
    if alias:
        await _check_alias(desk, alias, f"{namespace}/{repo_name}")
    repo = await desk.index.find(Kind.MODEL, namespace, repo_name)
    if repo is None:
        new = NewRepo(kind=Kind.MODEL, namespace=namespace, name=repo_name)
        repo = await create_repo(desk, owner, new, time.time())
    changes = [await _change(desk, repo, part) for part in checkpoint.parts]
    message = f"Import {checkpoint.architecture} checkpoint"
    await desk.repos.commit(repo.id, "main", changes, author=owner.name, message=message, parent=None)
    if alias:
        await desk.index.set_alias(Kind.MODEL, alias, repo.id, by=owner.name)
    await desk.index.audit(owner.name, "import-model", repo.full)
    await pushed(desk, repo)
    return _said(checkpoint, repo, alias)


async def _owner(desk: Desk, name: str) -> tuple[Person, str, str]:
    """Who imports it, the namespace, and the name of the repo; into an organisation the operator does."""
    namespace, slash, repo_name = name.partition("/")
    if not slash or "/" in repo_name:
        raise Fault(what=f"import as {name!r}", why="a model is named NAMESPACE/NAME", then="For example ann/bert.")
    found = await desk.orgs.namespace(namespace)
    if found is None:
        raise Fault(
            what=f"import as {name}",
            why=f"there is no user {namespace}, nor an organisation of that name",
            then=f"Run `spaces user add {namespace}` first.",
        )
    return await desk.people.by_name(found) or OPERATOR, found, repo_name


async def _check_alias(desk: Desk, alias: str, target: str) -> None:
    if "/" in alias:
        raise Fault(what=f"give the alias {alias!r}", why="it has a / in it", then="An alias is a name of one word.")
    checked_namespace(alias)
    if await desk.orgs.namespace(alias) is not None:
        why = "a user or organisation has that name"
        raise Taken(what=f"give the alias {alias}", why=why, then="Choose another one.")
    held = await desk.index.alias(Kind.MODEL, alias)
    if held is not None and held.full != target:
        raise Taken(what=f"give the alias {alias}", why=f"it leads to {held.full}", then="Import into that repo.")


async def _change(desk: Desk, repo: Repo, part: Part) -> Change:
    if part.size <= desk.settings.hub.max_regular and not any(fnmatch(part.path, pattern) for pattern in LARGE):
        return AddFile(path=part.path, content=await asyncio.to_thread(content_of, part.file))
    sha256 = await asyncio.to_thread(sha256_of, part.file)
    await desk.blobs.put(repo.id, sha256, part.size, _content(part.file))
    return AddBlob(path=part.path, sha256=sha256, size=part.size)


async def _content(file: BufferedReader) -> AsyncIterator[bytes]:
    file.seek(0)
    while piece := await asyncio.to_thread(file.read, PIECE):
        yield piece


def _said(checkpoint: Checkpoint, repo: Repo, alias: str) -> str:
    also = f", also as {alias}" if alias else ""
    return (
        f"{repo.full}{also}: {checkpoint.architecture}, {len(checkpoint.parts)} files, {checkpoint.size / 1e6:.1f} MB"
    )
