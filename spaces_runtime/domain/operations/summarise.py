"""Read once what repo info and listings show: the card, the names of the files, config.json, headers of weights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from spaces_runtime.domain.card import README, read_facts
from spaces_runtime.domain.ids import RevisionId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.plain import Plain
from spaces_runtime.domain.repo import Entry, Kind, Repo
from spaces_runtime.domain.safetensors import FIRST, LONGEST, header_length, parameters
from spaces_runtime.domain.summary import Summary, summary_of

CONFIG: Final = "config.json"
LONGEST_CONFIG: Final = 2**20  # bytes
MOST_WEIGHTS: Final = 400  # files whose headers are read


async def summarise(desk: Desk, repo: Repo, revision: RevisionId) -> Summary:
    """What one revision of a repo says of itself."""
    entries = await desk.repos.tree(repo.id, revision, "", recursive=True)
    files = {entry.path: entry for entry in entries if not entry.folder}
    readme = await desk.repos.read(repo.id, revision, README) if README in files else b""
    facts = read_facts(repo.kind, repo.full, readme, files)
    if repo.kind is not Kind.MODEL:
        return summary_of(revision, facts, {}, {})
    config = await _config(desk, repo, revision, files)
    return summary_of(revision, facts, await _weights(desk, repo, revision, weights_of(entries)), config)


def weights_of(entries: Sequence[Entry]) -> list[Entry]:
    """The safetensors that are the model: what lies beside the card, and not what was trained on top of another."""
    beside = [entry for entry in entries if entry.path.endswith(".safetensors") and "/" not in entry.path]
    model = [entry for entry in beside if entry.path.startswith("model")]
    return (model or beside)[:MOST_WEIGHTS]


async def _config(desk: Desk, repo: Repo, revision: RevisionId, files: Mapping[str, Entry]) -> Mapping[str, Plain]:
    entry = files.get(CONFIG)
    if entry is None or entry.lfs is not None or entry.size > LONGEST_CONFIG:
        return {}
    try:
        found = json.loads(await desk.repos.read(repo.id, revision, CONFIG))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


async def _weights(desk: Desk, repo: Repo, revision: RevisionId, entries: Sequence[Entry]) -> Mapping[str, int]:
    """Parameters by dtype over all files; none when one of them cannot be read: half a count would be wrong."""
    found: Counter[str] = Counter()
    for entry in entries:
        header = await _header(desk, repo, revision, entry)
        if header is None:
            return {}
        found.update(header)
    return dict(found)


async def _header(desk: Desk, repo: Repo, revision: RevisionId, entry: Entry) -> Mapping[str, int] | None:
    if entry.lfs is None:
        return parameters(await desk.repos.read(repo.id, revision, entry.path)) if entry.size <= LONGEST else None
    if not await desk.blobs.holds(repo.id, entry.lfs.sha256):
        return None
    length = header_length(await desk.blobs.start(entry.lfs.sha256, FIRST))
    return parameters(await desk.blobs.start(entry.lfs.sha256, length)) if length else None
