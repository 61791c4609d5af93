"""What the database keeps about people and repos beside each other. See durable.py for `by`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.people import Organisation, OrgRole
from spaces_runtime.domain.regard import AccessRequest, AccessState, Like


class Orgs(Protocol):
    """Organisations and who is in them. Names are matched without regard to case, answered as they were created."""

    async def create(self, name: str, fullname: str, details: str, founder: UserId | None, *, by: str = "") -> None: ...
    async def by_name(self, name: str) -> Organisation | None: ...
    async def everyone(self) -> Sequence[Organisation]: ...
    async def of(self, user: UserId) -> Sequence[tuple[Organisation, OrgRole]]: ...
    async def members(self, org: str, *, after: str, limit: int) -> Sequence[tuple[str, OrgRole]]: ...  # by name
    async def count(self, org: str) -> int: ...  # of members
    # role: None: no longer a member. Raises Invalid when nobody would be left to lead it
    async def set_role(self, org: str, user: UserId, role: OrgRole | None, *, by: str = "") -> None: ...
    async def delete(self, org: str, *, by: str = "") -> None: ...  # raises Taken while it has repos
    async def namespace(self, name: str) -> str | None: ...  # of a user or organisation, as it was created


class Likes(Protocol):
    """Who likes what. Once a person; repeating it is fine."""

    async def put(self, repo: RepoId, user: UserId, *, by: str = "") -> None: ...
    async def delete(self, repo: RepoId, user: UserId, *, by: str = "") -> None: ...
    async def likers(self, repo: RepoId, *, after: str, limit: int) -> Sequence[str]: ...  # names, in their order
    async def of(self, user: UserId) -> Sequence[Like]: ...  # newest first
    async def likes(self, repo: RepoId, user: UserId) -> bool: ...


class Accesses(Protocol):
    """Requests for access to gated repos."""

    async def find(self, repo: RepoId, user: UserId) -> AccessRequest | None: ...
    async def by_id(self, repo: RepoId, request: str) -> tuple[AccessRequest, UserId] | None: ...
    async def listing(self, repo: RepoId, state: AccessState) -> Sequence[AccessRequest]: ...  # oldest first
    # made if there is none
    async def put(self, repo: RepoId, user: UserId, state: AccessState, *, reason: str = "", by: str = "") -> None: ...


class Downloads(Protocol):
    """How often files were fetched. day: since 1970."""

    async def add(self, counts: Mapping[RepoId, int], day: int) -> None: ...
    async def recount(self, day: int) -> None: ...  # what is older than 30 days no longer counts
