"""Buckets that a Space may write: a folder on this machine, brought up to the bucket at a start, sent back by and by.

Below `volumes/<space>/<key>/` lie the folder itself (`data`, or a file system of its own in `data.img`), `about.json`,
and `known.json`: what each file was when bucket and folder were the same. What is sent waits in Layout.written until
the hub has it, so nothing is lost when anything ends in between: at worst it is sent twice.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from spaces_runtime.domain.bucket import EMPTY
from spaces_runtime.domain.instance import Mount
from spaces_runtime.domain.kept import CHANGES, LISTING, About, Known, Listing, Sent, Stamp, Written, changed, down
from spaces_runtime.domain.layout import HUB
from spaces_runtime.node import disk, tending
from spaces_runtime.node.machine import Machine

ABOUT: Final = "about.json"
KNOWN: Final = "known.json"
CALM: Final = 2.0  # seconds a file must not have changed before it is taken from a running Space
PIECE: Final = 2**20  # bytes
MANY: Final = 5000  # files sent at once
GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO)  # or something else by now
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One such folder. kept: what lies on disk between two starts. at: the folder itself, where it is attached."""

    machine: Machine
    space: str
    key: str

    @property
    def kept(self) -> Path:
        return self.machine.layout.volumes / self.space / self.key

    @property
    def at(self) -> Path:
        return self.machine.volumes / f"{self.space}@{self.key}" if self.machine.images else self.kept / "data"

    @property
    def attached(self) -> bool:
        return self.at.is_mount() if self.machine.images else self.at.is_dir()


def places(machine: Machine, space: str) -> list[Place]:
    """All that a Space has."""
    below = sorted((machine.layout.volumes / space).glob(f"*/{ABOUT}"))
    return [Place(machine=machine, space=space, key=path.parent.name) for path in below]


def ready(place: Place, mount: Mount, size: int, user: int | None) -> Path:
    """The folder as the app may have it now. size: bytes it may grow to. Blocks. Raises: OSError."""
    listing = _listing(Path(mount.folder) / LISTING)
    place.kept.mkdir(parents=True, exist_ok=True)
    if not place.machine.images:
        place.at.mkdir(exist_ok=True)
    else:
        image = place.kept / "data.img"
        if not image.exists():
            disk.make_image(image, size, journal=True)
        place.at.mkdir(parents=True, exist_ok=True)
        if not place.attached:
            disk.attach(image, place.at)
        with contextlib.suppress(OSError):
            (place.at / "lost+found").rmdir()
    _write(place.kept / ABOUT, asdict(listing.about))
    if user is not None:
        os.chown(place.at, user, user)
    place.at.chmod(0o700)
    sent_at, known = _known(place)
    if not listing.waiting and sent_at < listing.at:
        _write_known(place, sent_at, _brought(place, listing, known, user))
    return place.at


def _brought(place: Place, listing: Listing, known: dict[str, Known], user: int | None) -> dict[str, Known]:
    here = tending.stamps(place.at)
    do = down(listing.files, known, here)
    kept = {path: k for path, k in known.items() if path in listing.files or path in here}
    for path in do.remove:
        tending.remove(place.at, path)
        kept.pop(path, None)
    for path in sorted(do.fetch):
        sha256 = listing.files[path]
        try:
            blob = place.machine.layout.blob(sha256) if sha256 != EMPTY else Path(os.devnull)
            kept[path] = Known(sha256=sha256, stamp=tending.bring(place.at, path, blob, user))
        except (
            NotADirectoryError
        ):  # the Space has a file where the bucket has a folder; the Space's is sent, and refused
            log.warning("a file of a bucket has no place", space=place.space, path=path)
    return kept


def send(place: Place, *, ended: bool) -> None:
    """What the Space changed, to Layout.written. ended: nobody writes any more. Blocks.

    Raises: OSError; nothing is lost, and it may be tried again.
    """
    if not place.attached:
        return
    _, known = _known(place)
    before = time.time()
    here = tending.stamps(place.at)
    written, removed = changed(known, here)
    if removed:  # first: a folder may stand where a file was
        known = _sent(place, [], removed, known)
    calm = [path for path in sorted(written) if ended or before - here[path].modified / 1e9 > CALM]
    for start in range(0, len(calm), MANY):
        known = _sent(place, calm[start : start + MANY], {}, known)


def _sent(place: Place, paths: list[str], removed: dict[str, str], known: dict[str, Known]) -> dict[str, Known]:
    """What is known afterwards."""
    out = place.machine.layout.written / f"{place.space}@{place.key}@{time.time_ns():020d}"
    new = out.with_name(f".{out.name}")
    new.mkdir(mode=0o700, parents=True)
    try:
        took = {path: found for n, path in enumerate(paths) if (found := _taken(place, path, new / str(n)))}
        if not took and not removed:
            return known
        about = About(**json.loads((place.kept / ABOUT).read_text()))
        sent = tuple(
            Sent(path=path, file=str(n), sha256=took[path].sha256, modified_at=took[path].stamp.modified / 1e9)
            for n, path in enumerate(paths)
            if path in took
        )
        _write(new / CHANGES, asdict(Written(about=about, sent=sent, removed=removed)))
        disk.give(new, HUB if place.machine.root else None)
        new.replace(out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    known = {path: k for path, k in known.items() if path not in removed} | took
    _write_known(place, time.time(), known)
    return known


def _taken(place: Place, path: str, to: Path) -> Known | None:
    """A copy, and what it is; None: it went, or changed while it was read, and is taken another time."""
    digest = hashlib.sha256()
    try:
        with tending.reading(place.at, path) as file, to.open("xb") as out:
            before = tending.stamp_of(os.fstat(file))
            while piece := os.read(file, PIECE):
                digest.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
            after = tending.stamp_of(os.fstat(file))
    except OSError as error:
        if error.errno not in GONE:
            raise
        return None
    if before != after:
        to.unlink()
        return None
    return Known(sha256=digest.hexdigest(), stamp=after)


def detach(place: Place) -> None:
    """Let go of the folder; what it has is kept."""
    if place.machine.images:
        disk.detach(place.at)
        with contextlib.suppress(OSError):
            place.at.rmdir()


def drop(place: Place) -> None:
    """The Space no longer mounts it, and everything was sent."""
    detach(place)
    shutil.rmtree(place.kept, ignore_errors=True)


def _listing(path: Path) -> Listing:
    told = json.loads(path.read_text())
    return Listing(**told | {"about": About(**told["about"])})


def _known(place: Place) -> tuple[float, dict[str, Known]]:
    """When something was sent last, and what is known. A folder that was never brought up has neither."""
    try:
        told = json.loads((place.kept / KNOWN).read_text())
    except FileNotFoundError:
        return 0.0, {}
    return told["sent_at"], {path: Known(sha256=row[0], stamp=Stamp(**row[1])) for path, row in told["files"].items()}


def _write_known(place: Place, sent_at: float, known: dict[str, Known]) -> None:
    rows = {path: [k.sha256, asdict(k.stamp)] for path, k in known.items()}
    _write(place.kept / KNOWN, {"sent_at": sent_at, "files": rows})


def _write(path: Path, told: Any) -> None:  # noqa: ANN401 - plain JSON values
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
