"""One repo into a backup and out of it. Refs first, objects after: every ref of the copy leads to something in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import ReferenceFilter

from spaces_runtime.domain.errors import Fault
from spaces_runtime.store.archive import Reader, Writer
from spaces_runtime.store.git_writers import LOCK

BEING_WRITTEN: Final = ("tmp_", "incoming-", ".")  # beginnings of names in objects/


def save(writer: Writer, repo: Path, at: str, state: str) -> int:
    """Bytes that were new. at: where its objects go; state: the name of what changes: HEAD, config, refs.

    Raises: FileNotFoundError when it is not there, or deleted meanwhile.
    """
    if not (repo / "HEAD").exists():
        raise FileNotFoundError(repo)
    git = pygit2.Repository(str(repo), pygit2.enums.RepositoryOpenFlag.BARE)
    refs = [
        f"{reference.target} {reference.name}\n"
        for reference in git.references.iterator(ReferenceFilter.ALL)
        if isinstance(reference.target, pygit2.Oid)
    ]
    head, config = (repo / "HEAD").read_bytes(), (repo / "config").read_bytes()
    size = sum(writer.copy(f"{at}/objects/{path.relative_to(repo / 'objects')}", path) for path in _objects(repo))
    if not (repo / "HEAD").exists():
        raise FileNotFoundError(repo)
    writer.write(f"{state}/packed-refs", "".join(sorted(refs, key=lambda ref: ref.split(" ", 1)[1])).encode())
    writer.write(f"{state}/HEAD", head)
    writer.write(f"{state}/config", config)
    return size


def restore(reader: Reader, at: str, state: str, repo: Path) -> None:
    """Put it in place, and look that every ref leads somewhere.

    Raises: Fault.
    """
    shutil.rmtree(repo, ignore_errors=True)
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (repo / folder).mkdir(parents=True)
    for name in reader.names(f"{at}/objects/"):
        place = repo / "objects" / name.removeprefix(f"{at}/objects/")
        if not place.resolve().is_relative_to(repo.resolve()):
            raise Fault(what="restore", why=f"{name} leads out of its repo", then="Take another backup.")
        _put(reader, name, place, mode=0o440)
    for name in ("packed-refs", "HEAD", "config"):
        _put(reader, f"{state}/{name}", repo / name)
    (repo / LOCK).touch()
    git = pygit2.Repository(str(repo), pygit2.enums.RepositoryOpenFlag.BARE)
    for reference in git.references.iterator(ReferenceFilter.ALL):
        if isinstance(reference.target, pygit2.Oid) and reference.target not in git:
            why = f"{reference.name} of the repo {repo.stem} leads to {reference.target}, which is not in it"
            raise Fault(what="restore", why=why, then="Take another backup.")


def _objects(repo: Path) -> Iterator[Path]:
    for path in sorted((repo / "objects").rglob("*")):
        within = path.relative_to(repo / "objects").parts
        if path.is_file() and not any(part.startswith(BEING_WRITTEN) for part in within):
            yield path


def _put(reader: Reader, name: str, place: Path, *, mode: int = 0o660) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with reader.open(name) as source, place.open("wb") as target:
        shutil.copyfileobj(source, target, 2**20)
    place.chmod(mode)
