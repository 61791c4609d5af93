"""Repos, files and commits in the clients' shapes: the contract, §3. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.repo import Commit, Entry, Kind, Ref, Repo
from spaces_runtime.hub.card_data import Card, tags_of
from spaces_runtime.hub.wire import iso

COMMON = frozenset(
    """author baseModels cardData createdAt disabled downloads downloadsAllTime gated inference
    inferenceProviderMapping lastModified library_name likes pipeline_tag private resourceGroup safetensors sha
    siblings spaces tags trendingScore usedStorage transformersInfo config gguf mask_token widgetData
    model-index evalResults childrenModelCount xetEnabled""".split()  # noqa: SIM905 - read as a table
)
EXPANDABLE = {
    Kind.MODEL: COMMON,
    Kind.DATASET: COMMON | {"citation", "description", "mainSize", "paperswithcode_id"},
    Kind.SPACE: COMMON | {"datasets", "models", "runtime", "sdk", "subdomain", "host", "region", "shortDescription"},
}


def repo_json(repo: Repo, revision: RevisionId | None, card: Card) -> dict[str, Any]:
    """Repo info without its files, and without what only a Space has."""
    shown: dict[str, Any] = {
        "_id": repo.id,
        "id": repo.full,
        "author": repo.namespace,
        "sha": revision or repo.head,
        "createdAt": iso(repo.created_at),
        "lastModified": iso(repo.updated_at),
        "private": repo.private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": tags_of(card),
    }
    if card:
        shown["cardData"] = dict(card)
    if repo.kind is Kind.MODEL:
        shown |= {"modelId": repo.full, "spaces": []}
        shown |= {key: str(card[key]) for key in ("pipeline_tag", "library_name") if card.get(key)}
    if repo.kind is Kind.DATASET:
        shown["description"] = str(card.get("description") or "")
    if repo.kind is Kind.SPACE:
        shown |= {"sdk": str(card.get("sdk") or repo.sdk), "models": _names(card, "models")}
        shown["datasets"] = _names(card, "datasets")
    return shown


def narrowed(shown: dict[str, Any], kind: Kind, expand: Collection[str]) -> dict[str, Any]:
    """What `expand` asks for, and the id.

    Raises:
        Fault: for an unknown name; clients expect the allowed ones in the text.
    """
    if unknown := sorted(set(expand) - EXPANDABLE[kind]):
        raise Fault(
            what="expand",
            why=f"{', '.join(unknown)} is not one of the fields",
            then=f'"expand" must be one of {", ".join(sorted(EXPANDABLE[kind]))}.',
        )
    return {key: value for key, value in shown.items() if key in ("_id", "id") or key in expand}


def sibling_json(entry: Entry, *, blobs: bool) -> dict[str, Any]:
    """A file in repo info."""
    shown: dict[str, Any] = {"rfilename": entry.path}
    if blobs:
        shown |= {"size": entry.size, "blobId": entry.oid}
        if entry.lfs:
            lfs = entry.lfs
            shown["lfs"] = {"size": lfs.size, "sha256": lfs.sha256, "pointerSize": lfs.pointer_size}
    return shown


def entry_json(entry: Entry, last: Commit | None = None) -> dict[str, Any]:
    """A file or folder of a tree."""
    shown: dict[str, Any] = {
        "type": "directory" if entry.folder else "file",
        "path": entry.path,
        "oid": entry.oid,
        "size": entry.size,
    }
    if entry.lfs:
        shown["lfs"] = {"oid": entry.lfs.sha256, "size": entry.lfs.size, "pointerSize": entry.lfs.pointer_size}
    if last:
        shown["lastCommit"] = {"id": last.id, "title": last.title, "date": iso(last.at)}
        if not entry.folder:
            shown["securityFileStatus"] = {"status": "unscanned", "avScan": None, "pickleImportScan": None}
    return shown


def ref_json(ref: Ref) -> dict[str, Any]:
    """A branch or tag."""
    return {"name": ref.name, "ref": ref.ref, "targetCommit": ref.target}


def commit_json(commit: Commit, *, formatted: bool) -> dict[str, Any]:
    """A commit of the history."""
    shown: dict[str, Any] = {
        "id": commit.id,
        "title": commit.title,
        "message": commit.message,
        "date": iso(commit.at),
        "authors": [{"user": commit.author}],
    }
    if formatted:
        shown["formatted"] = {"title": commit.title, "message": commit.message}
    return shown


def page_of(rows: Sequence[Any], cursor: str, limit: int) -> tuple[Sequence[Any], str]:
    """One page, and the cursor of the next; empty: there is none.

    Raises:
        Fault: for a cursor that is not ours.
    """
    start = offset(cursor)
    end = start + limit
    return rows[start:end], str(end) if end < len(rows) else ""


def offset(cursor: str) -> int:
    """Where a page begins.

    Raises:
        Fault: for a cursor that is not ours.
    """
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 12):  # noqa: PLR2004 - digits
        raise Fault(what="read the next page", why="the cursor is not one of ours", then="Begin with the first page.")
    return int(cursor or 0)


def _names(card: Card, key: str) -> list[str]:
    value = card.get(key)
    return [str(each) for each in value] if isinstance(value, list) else []
