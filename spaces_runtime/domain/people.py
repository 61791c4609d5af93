"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spaces_runtime.domain.ids import UserId


class Role(Enum):
    """What a token allows at most."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A signed-in user, as far as this request may act for them. name: also their namespace."""

    id: UserId
    name: str
    admin: bool = False
    role: Role = Role.WRITE


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShown:
    """A token as its owner sees it afterwards; the token itself is never kept. Times are Unix seconds."""

    id: str
    name: str
    role: Role
    created_at: float
