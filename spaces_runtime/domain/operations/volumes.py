"""What of the hub a Space mounts: buckets, and repos at a revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.errors import Fault, Invalid, Missing, RepoMissing, RepoUnseen, RevisionMissing
from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed, find_repo
from spaces_runtime.domain.operations.push import look
from spaces_runtime.domain.operations.settings import space_of
from spaces_runtime.domain.paths import checked
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.setup import Volume

MOST: Final = 16
SYSTEM: Final = frozenset(  # first words of paths that the sandbox needs for itself
    {
        *("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "proc", "sys", "dev", "run", "boot", "env"),
        *("init.py", "launch.py", "preloaded"),
    }
)
WHOLE: Final = frozenset(("/app", "/home", "/home/user", "/tmp"))  # noqa: S108 - only below these


async def set_volumes(desk: Desk, who: Person | None, repo: Repo, volumes: Sequence[Volume]) -> None:
    """Replace the list; the Space starts anew with it.

    volumes: from checked_volumes().

    Raises:
        Fault: it is static, so nothing of it runs.
    """
    allowed(who, repo, Verb.WRITE)
    if repo.sdk == "static" and volumes:
        raise Fault(what=f"mount volumes into {repo.full}", why="it is static, so nothing of it runs")
    space = await space_of(desk, repo)
    await desk.spaces.set_volumes(space, volumes, by=who.name if who else "")
    await look(desk, space)


async def checked_volumes(desk: Desk, who: Person | None, wanted: Sequence[Volume]) -> list[Volume]:
    """The same with the ids of their sources. A repo is read-only, whatever was asked for.

    Raises:
        Fault: a path that cannot be; a source that is not there for this person, or not as asked for.
    """
    if len(wanted) > MOST:
        raise Fault(what="mount the volumes", why=f"there are {len(wanted)}, and {MOST} is the most a Space can have")
    found = [await _sourced(desk, who, replace(volume, mount=_inside(volume.mount))) for volume in wanted]
    mounts = [volume.mount for volume in found]
    if twice := next((mount for mount in mounts if mounts.count(mount) > 1), None):
        raise Fault(what="mount the volumes", why=f"two of them would be at {twice}")
    return found


async def still_allowed(desk: Desk, volume: Volume) -> Repo:
    """The source of a volume, when whoever chose it may still use it so.

    Raises:
        Fault: the source is gone, or is closed to that person by now.
    """
    what = f"mount {volume.name} at {volume.mount}"
    repo = await desk.index.by_id(RepoId(volume.source))
    person = await desk.people.by_id(UserId(volume.by))
    if repo is None or person is None:
        why = f"the {volume.kind} is gone" if repo is None else "whoever chose it is gone"
        raise Missing(what=what, why=why, then="Change the Space's volumes.")
    if not may(person, _verb(volume), repo):
        raise Missing(what=what, why=f"{person.name} may no longer use it", then="Change the Space's volumes.")
    return repo


def _verb(volume: Volume) -> Verb:
    return Verb.FETCH if volume.read_only else Verb.WRITE


async def _sourced(desk: Desk, who: Person | None, volume: Volume) -> Volume:
    kind = next((kind for kind in Kind if kind.value == volume.kind), None)
    if kind is None:
        raise Fault(what=f"mount a volume at {volume.mount}", why=f"there is no type {volume.kind!r}")
    if volume.path:
        checked(volume.path)
    bucket = kind is Kind.BUCKET
    if bucket and volume.revision:
        raise Fault(what=f"mount {volume.name}", why="a bucket has no revisions")
    exact = replace(volume, read_only=volume.read_only or not bucket)
    namespace, _, name = volume.name.partition("/")
    try:
        repo = await find_repo(desk, who, kind, namespace, name, _verb(exact))
        if not bucket:
            await desk.repos.resolve(repo.id, volume.revision or "main")
    except (RepoMissing, RepoUnseen):  # as it stands, clients would take it for the Space that is missing
        raise Fault(what=f"mount {volume.name}", why=f"you have, and may read, no such {kind.value}") from None
    except RevisionMissing as fault:
        raise Fault(what=f"mount {volume.name}", why=fault.why) from None
    return replace(exact, source=repo.id, name=repo.full, by=who.id if who else "")


def _inside(mount: str) -> str:
    path = mount.rstrip("/")
    what = f"mount a volume at {mount!r}"
    if not path.startswith("/"):
        raise Fault(what=what, why="it must be a path from the root, such as /data")
    try:
        checked(path[1:])
    except Invalid as fault:
        raise Fault(what=what, why=fault.why) from None
    if path.split("/")[1] in SYSTEM or path in WHOLE:
        raise Fault(what=what, why="the system is there", then="Choose a path such as /data or /models.")
    return path
