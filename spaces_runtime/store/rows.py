"""From rows of the database to the nouns of the domain, where more than one module reads them."""

from __future__ import annotations

from typing import Any

from spaces_runtime.domain.ids import RepoId, RevisionId, UserId
from spaces_runtime.domain.repo import Gating, Kind, Repo, Visibility


def repo_of(row: Any) -> Repo:  # noqa: ANN401 - a row of repos
    """A row of the index."""
    return Repo(
        id=RepoId(row.id),
        kind=Kind(row.kind),
        namespace=row.namespace,
        name=row.name,
        visibility=Visibility(row.visibility),
        creator=UserId(row.creator),
        created_at=row.created_at,
        updated_at=row.updated_at,
        head=RevisionId(row.head) if row.head else None,
        sdk=row.sdk,
        gated=Gating(row.gated) if row.gated else None,
        downloads=row.downloads,
        downloads_ever=row.downloads_ever,
        likes=row.likes,
    )
