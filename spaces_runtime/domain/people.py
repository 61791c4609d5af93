"""Who asks, and the organisations they act for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spaces_runtime.domain.ids import UserId


class Role(Enum):
    """What a token allows at most."""

    READ = "read"
    WRITE = "write"


class OrgRole(Enum):
    """What a member may do in an organisation's namespace; each may also do what those before it may."""

    READ = "read"  # see its private repos
    CONTRIBUTOR = "contributor"  # create repos, and change those
    WRITE = "write"  # change and delete any of them
    ADMIN = "admin"  # say who is a member


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """In which organisation somebody is what. org: its name, which is its namespace."""

    org: str
    role: OrgRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """People with a namespace in common. created_at: Unix seconds."""

    id: str
    name: str
    fullname: str
    details: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A signed-in user, as far as this request may act for them. name: also their namespace."""

    id: UserId
    name: str
    admin: bool = False
    role: Role = Role.WRITE
    orgs: tuple[Membership, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShown:
    """A token as its owner sees it afterwards; the token itself is never kept. Times are Unix seconds."""

    id: str
    name: str
    role: Role
    created_at: float
