"""Faults a person can act on. Anything else is ours, and is logged with its trace."""

from __future__ import annotations


class Fault(Exception):
    """what was tried, why it failed, what to do next: each a clause people read. code: X-Error-Code of the contract.

    exact: clients compare the text, so `why` alone is said.
    """

    status = 400
    code = ""
    exact = False

    def __init__(self, *, what: str, why: str, then: str = "") -> None:
        super().__init__(f"Cannot {what}: {why}. {then}".strip())
        self.what, self.why, self.then = what, why, then

    @property
    def said(self) -> str:
        """What a client is told."""
        return self.why if self.exact else str(self)


class Refused(Fault):
    """Not allowed."""

    status = 403


class Unknown(Fault):
    """Nobody said who they are, and that is needed."""

    status = 401


class BadCredentials(Unknown):
    """A token that is not, or no longer, good. This text keeps clients from calling it a missing repo."""

    exact = True

    def __init__(self) -> None:
        super().__init__(what="sign in", why="Invalid credentials in Authorization header")


class RepoUnseen(Unknown):
    """No such repo for somebody who did not say who they are: signed in, they may see it."""

    code = "RepoNotFound"
    exact = True

    def __init__(self, name: str) -> None:
        super().__init__(what=f"find {name}", why="Repository not found")


class Gated(Refused):
    """Whoever sees the repo may not have its files before they are let in. status: 401 when nobody is signed in."""

    code = "GatedRepo"
    exact = True

    def __init__(self, kind: str, name: str, *, nobody: bool) -> None:
        access = f"Access to {kind} {name} is restricted"
        signed_out = f"{access}. You must have access to it and be authenticated to access it. Please log in."
        outside = f"{access} and you are not in the authorized list. Visit {name} to ask for access."
        super().__init__(what=f"read the files of {name}", why=signed_out if nobody else outside)
        self.kind, self.name = kind, name
        if nobody:
            self.status = 401


class Missing(Fault):
    """Not there, or not to be seen by this person."""

    status = 404


class RepoMissing(Missing):
    """No such repo, or private."""

    code = "RepoNotFound"
    exact = True

    def __init__(self, name: str) -> None:
        super().__init__(what=f"find {name}", why="Repository not found")


class Renamed(RepoMissing):
    """The repo is at another name now: an address that has the old one leads on; a body that has it does not."""

    def __init__(self, name: str, now: str) -> None:
        super().__init__(name)
        self.now = now


class RevisionMissing(Missing):
    """No such branch, tag or commit."""

    code = "RevisionNotFound"
    exact = True

    def __init__(self, revision: str) -> None:
        super().__init__(what="find the revision", why=f"Invalid rev id: {revision}")
        self.revision = revision


class EntryMissing(Missing):
    """No such file at that revision."""

    code = "EntryNotFound"
    exact = True

    def __init__(self, path: str, why: str = "Entry not found") -> None:
        super().__init__(what=f"find {path}", why=why)


class Taken(Fault):
    """The name is in use."""

    status = 409


class Moved(Fault):
    """The branch is not where the caller believed (HTTP 412)."""

    status = 412


class TooLarge(Fault):
    """Over a limit, which the message names."""

    status = 413


class OverQuota(TooLarge):
    """A person, an organisation or a repo has no room left for this."""


class Invalid(Fault):
    """Well-formed, but not allowed in this place."""

    status = 422


class Unsupported(Fault):
    """A part of the contract that is not built yet."""

    status = 501


class Unavailable(Fault):
    """Away for a while; nothing is lost."""

    status = 503


class Full(Fault):
    """The disk is full; nothing was kept of what was sent."""

    status = 507


class BackendUnavailable(Unavailable):
    """The engine cannot be reached."""


class RungFailed(Fault):
    """An instance could not be taken down to this rung; it runs on. why: the engine's own words."""

    status = 503
