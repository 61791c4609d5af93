"""Repos, files and commits in the clients' shapes: the contract, §3. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.plain import text
from spaces_runtime.domain.repo import Commit, Entry, Kind, Ref, Repo
from spaces_runtime.domain.summary import Summary, transformers_info
from spaces_runtime.hub.wire import iso

MODEL = frozenset(
    """author baseModels cardData childrenModelCount config createdAt disabled downloads downloadsAllTime evalResults
    gated gguf inference inferenceProviderMapping lastModified library_name likes mask_token model-index pipeline_tag
    private resourceGroup safetensors sha siblings spaces tags transformersInfo trendingScore usedStorage
    widgetData""".split()  # noqa: SIM905 - read as a table
)
DATASET = frozenset(
    """author cardData citation createdAt description disabled downloads downloadsAllTime gated lastModified likes
    mainSize paperswithcode_id private resourceGroup sha siblings tags trendingScore usedStorage""".split()  # noqa: SIM905
)
SPACE = frozenset(
    """author cardData createdAt datasets disabled host lastModified likes models private region resourceGroup runtime
    sdk sha siblings subdomain tags trendingScore usedStorage""".split()  # noqa: SIM905
)
EXPANDABLE = {Kind.MODEL: MODEL, Kind.DATASET: DATASET, Kind.SPACE: SPACE}
LIVE = frozenset({"runtime", "subdomain", "host"})  # of a Space; what costs more than a row of the index
LIKE = 10  # downloads that one like weighs as much as, in what is trending


def repo_json(repo: Repo, revision: RevisionId | None, summary: Summary | None) -> dict[str, Any]:
    """Repo info without its files, and without what only a Space has. summary: None while it was not read yet."""
    said = summary or Summary(head=revision or RevisionId(""))
    shown: dict[str, Any] = {
        "_id": repo.id,
        "id": repo.full,
        "author": repo.namespace,
        "sha": revision or repo.head,
        "createdAt": iso(repo.created_at),
        "lastModified": iso(repo.updated_at),
        "private": repo.private,
        "gated": repo.gated.value if repo.gated else False,
        "disabled": False,
        "downloads": repo.downloads,
        "likes": repo.likes,
        "trendingScore": repo.likes * LIKE + repo.downloads,
        "tags": list(said.tags),
    }
    if said.card:
        shown["cardData"] = dict(said.card)
    if repo.kind is Kind.MODEL:
        shown |= _of_model(repo, said)
    if repo.kind is Kind.DATASET:
        shown |= {key: text(said.card.get(key)) for key in ("description", "citation") if said.card.get(key)}
    if repo.kind is Kind.SPACE:
        shown |= {"sdk": text(said.card.get("sdk")) or repo.sdk}
        shown |= {"models": list(said.models), "datasets": list(said.datasets)}
    return shown


def _of_model(repo: Repo, said: Summary) -> dict[str, Any]:
    """What only a model has."""
    shown: dict[str, Any] = {"modelId": repo.full}
    shown |= {key: value for key, value in (("pipeline_tag", said.pipeline), ("library_name", said.library)) if value}
    if said.weights:
        shown["safetensors"] = {"parameters": dict(said.weights), "total": said.parameters}
    if said.config:
        shown["config"] = dict(said.config)
        loader, task = transformers_info(said.config)
        if loader:
            shown["transformersInfo"] = {"auto_model": loader, **({"pipeline_tag": task} if task else {})}
    if isinstance(said.card.get("model-index"), list):
        shown["model-index"] = said.card["model-index"]
    if "widget" in said.card:
        shown["widgetData"] = said.card["widget"]
    return shown


def check_expand(kind: Kind, expand: Collection[str]) -> None:
    """Raises a Fault for an unknown name; clients expect the allowed ones in the text."""
    if unknown := sorted(set(expand) - EXPANDABLE[kind]):
        raise Fault(
            what="expand",
            why=f"{', '.join(unknown)} is not one of the fields",
            then=f'"expand" must be one of {", ".join(sorted(EXPANDABLE[kind]))}.',
        )


def narrowed(shown: dict[str, Any], expand: Collection[str]) -> dict[str, Any]:
    """What `expand` asks for, and the id."""
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
