"""Makes the volumes of a Space ready for a start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol
from uuid import uuid4

from spaces_runtime.domain.bucket import BucketFile
from spaces_runtime.domain.errors import Missing
from spaces_runtime.domain.ids import RepoId, RevisionId
from spaces_runtime.domain.instance import Mount
from spaces_runtime.domain.kept import About, Listing
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.volumes import still_allowed
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.setup import Volume
from spaces_runtime.domain.space import Space

PAGE: Final = 1000


class Mounts(Protocol):
    """Folders that Spaces mount, by name; `files` below one is what is shown."""

    async def snapshot(self, name: str, fill: Callable[[Path], Awaitable[None]]) -> Path: ...
    async def copy(self, files: Collection[BucketFile], prefix: str, into: Path) -> None: ...
    async def listing(self, name: str, told: Listing) -> Path: ...
    def waiting(self, space: str, key: str) -> bool: ...


async def make_ready(desk: Desk, mounts: Mounts, space: Space, now: float) -> tuple[Mount, ...]:
    """Repos at the revision they are at now; buckets as they are now. now: Unix seconds.

    Raises:
        Fault: a source is gone, closed to whoever chose it, or does not have what is to be mounted.
    """
    return tuple([await _ready(desk, mounts, space, volume, now) for volume in space.setup.volumes])


async def _ready(desk: Desk, mounts: Mounts, space: Space, volume: Volume, now: float) -> Mount:
    source = await still_allowed(desk, volume)
    if not volume.read_only:
        return await _writable(desk, mounts, space, volume, now)
    place = await (_bucket if source.kind is Kind.BUCKET else _repo)(desk, mounts, volume, source)
    return Mount(folder=str(place), inside=volume.mount)


async def _repo(desk: Desk, mounts: Mounts, volume: Volume, source: Repo) -> Path:
    revision: RevisionId = await desk.repos.resolve(source.id, volume.revision or "main")
    place = await mounts.snapshot(
        f"{source.id}-{revision}", lambda into: desk.repos.checkout(source.id, revision, into)
    )
    whole = (place / "files").resolve()
    chosen = (whole / volume.path).resolve()
    if not chosen.is_dir() or not chosen.is_relative_to(whole):  # a link of the repo may point anywhere
        why = f"there is no folder {volume.path} at {revision[:7]}"
        raise Missing(what=f"mount {source.full} at {volume.mount}", why=why, then="Change the Space's volumes.")
    return chosen


async def _bucket(desk: Desk, mounts: Mounts, volume: Volume, source: Repo) -> Path:
    size = (await desk.buckets.size([source.id]))[source.id]
    files, prefix = await _files(desk, volume), _prefix(volume)
    version = sha256(f"{size.changed_at}:{prefix}".encode()).hexdigest()[:16]
    place = await mounts.snapshot(f"{source.id}-{version}", lambda into: mounts.copy(files, prefix, into))
    return place / "files"


async def _writable(desk: Desk, mounts: Mounts, space: Space, volume: Volume, now: float) -> Mount:
    prefix = _prefix(volume)
    key = f"{volume.source}-{sha256(prefix.encode()).hexdigest()[:8]}"
    waiting = mounts.waiting(space.id, key)  # before the look: see Listing
    files = {file.path[len(prefix) :]: file.sha256 for file in await _files(desk, volume)}
    about = About(space=space.id, bucket=volume.source, prefix=prefix, by=volume.by)
    told = Listing(about=about, at=now, waiting=waiting, files=files)
    place = await mounts.listing(f"{space.id}-{uuid4().hex[:16]}", told)
    return Mount(folder=str(place), inside=volume.mount, key=key)


async def _files(desk: Desk, volume: Volume) -> list[BucketFile]:
    found: list[BucketFile] = []
    after = ""
    while True:
        page, after = await desk.buckets.listing(
            RepoId(volume.source), _prefix(volume), recursive=True, after=after, limit=PAGE
        )
        found += [file for file in page if isinstance(file, BucketFile)]
        if not after:
            return found


def _prefix(volume: Volume) -> str:
    return f"{volume.path}/" if volume.path else ""
