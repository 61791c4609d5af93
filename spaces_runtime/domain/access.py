"""May this person do this? The only place that answers, for git, LFS, API, pages and gateway."""

from __future__ import annotations

from enum import Enum

from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import Repo, Visibility


class Verb(Enum):
    """What is asked for."""

    READ = "read"  # code, files, settings that are public
    VISIT = "visit"  # the running app
    WRITE = "write"  # push, settings, secrets' names, logs, pause, restart
    DELETE = "delete"


def may(who: Person | None, verb: Verb, repo: Repo) -> bool:
    """Decide. To a stranger a private repo is exactly a missing one: callers answer 404 unless READ or VISIT holds."""
    member = who is not None and (who.admin or who.name == repo.namespace)
    if verb is Verb.READ:
        return member or repo.visibility is Visibility.PUBLIC
    if verb is Verb.VISIT:
        return member or repo.visibility is not Visibility.PRIVATE
    return member and who is not None and who.role is Role.WRITE


def may_create(who: Person | None, namespace: str) -> bool:
    """A person creates in their own namespace, an admin in any."""
    return who is not None and who.role is Role.WRITE and (who.admin or who.name == namespace)
