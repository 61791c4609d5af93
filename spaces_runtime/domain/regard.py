"""What people think of repos and ask of them: likes, and requests for access to gated ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from spaces_runtime.domain.repo import Repo


class AccessState(Enum):
    """Where a request for access stands; the values are the clients' words."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """Of one person for one repo. user: their name. at: when it was made, Unix seconds. reason: of a rejection."""

    id: str
    user: str
    state: AccessState
    reason: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """A repo that somebody likes, since when (Unix seconds)."""

    repo: Repo
    at: float
