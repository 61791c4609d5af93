"""Faults a person can act on. Anything else is ours, and is logged with its trace."""

from __future__ import annotations


class Fault(Exception):
    """what was tried, why it failed, what to do next: each a clause people read. code: X-Error-Code of the contract."""

    status = 400
    code = ""

    def __init__(self, *, what: str, why: str, then: str = "") -> None:
        super().__init__(f"Cannot {what}: {why}. {then}".strip())
        self.what, self.why, self.then = what, why, then


class Refused(Fault):
    """Not allowed."""

    status = 403


class Unknown(Fault):
    """Nobody said who they are, and that is needed."""

    status = 401


class Missing(Fault):
    """Not there, or not to be seen by this person."""

    status = 404


class RepoMissing(Missing):
    """No such repo, or private."""

    code = "RepoNotFound"

    def __init__(self, name: str) -> None:
        super().__init__(what=f"find {name}", why="Repository not found")


class RevisionMissing(Missing):
    """No such branch, tag or commit."""

    code = "RevisionNotFound"

    def __init__(self, revision: str) -> None:
        super().__init__(what="find the revision", why=f"Invalid rev id: {revision}")
        self.revision = revision


class EntryMissing(Missing):
    """No such file at that revision."""

    code = "EntryNotFound"

    def __init__(self, path: str) -> None:
        super().__init__(what=f"find {path}", why="Entry not found")


class Taken(Fault):
    """The name is in use."""

    status = 409


class Moved(Fault):
    """The branch is not where the caller believed (HTTP 412)."""

    status = 412


class TooLarge(Fault):
    """Over a limit, which the message names."""

    status = 413


class Invalid(Fault):
    """Well-formed, but not allowed in this place."""

    status = 422


class Unsupported(Fault):
    """A part of the contract that is not built yet."""

    status = 501


class Unavailable(Fault):
    """Away for a while; nothing is lost."""

    status = 503


class BackendUnavailable(Unavailable):
    """The engine cannot be reached."""


class RungFailed(Fault):
    """An instance could not be taken down to this rung; it runs on. why: the engine's own words."""

    status = 503
