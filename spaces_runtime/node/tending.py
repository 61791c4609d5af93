"""Walks a folder that a hostile app may change meanwhile: by open folders only, never along a link. Blocks."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spaces_runtime.domain.kept import Stamp

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
STEP, PIECE = 2**30, 2**20  # bytes of one call
NEW = ".being-brought"  # beside the file that it becomes


def stamp_of(told: os.stat_result) -> Stamp:
    """See the class."""
    return Stamp(size=told.st_size, modified=told.st_mtime_ns, changed=told.st_ctime_ns, inode=told.st_ino)


def stamps(folder: Path) -> dict[str, Stamp]:
    """Every plain file below, by its path; names that are no text are left out, and links, pipes and sockets."""
    found = {}
    for here, _, names, number in os.fwalk(folder, follow_symlinks=False):
        above = Path(here).relative_to(folder).as_posix()
        for name in names:
            with contextlib.suppress(OSError, UnicodeError):
                path = name if above == "." else f"{above}/{name}"
                path.encode()
                told = os.stat(name, dir_fd=number, follow_symlinks=False)
                if stat.S_ISREG(told.st_mode) and name != NEW:
                    found[path] = stamp_of(told)
    return found


@contextmanager
def reading(folder: Path, path: str) -> Iterator[int]:
    """A plain file below it. Raises: OSError, also where a link stands on the way."""
    with _above(folder, path) as (number, name):
        file = os.open(name, READ, dir_fd=number)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "not a plain file", path)
            yield file
        finally:
            os.close(file)


def bring(folder: Path, path: str, source: Path, user: int | None) -> Stamp:
    """A copy of `source` at path, whole or not at all. user: whose it is; None: ours. Raises: OSError."""
    with _above(folder, path, create=True, user=user) as (number, name), source.open("rb") as content:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(NEW, dir_fd=number)
        out = os.open(NEW, WRITE, 0o644, dir_fd=number)
        try:
            _copy(content.fileno(), out)
            os.fchmod(out, 0o644)  # whatever the umask
            if user is not None:
                os.fchown(out, user, user)
            os.rename(NEW, name, src_dir_fd=number, dst_dir_fd=number)
            return stamp_of(os.fstat(out))  # after the rename, which counts as a change
        finally:
            os.close(out)


def remove(folder: Path, path: str) -> None:
    """A file. One that is gone, or cannot be reached any more, is fine."""
    with contextlib.suppress(OSError), _above(folder, path) as (number, name):
        os.unlink(name, dir_fd=number)


def _copy(source: int, out: int) -> None:
    """Shares the blocks where the file system can."""
    try:
        while os.copy_file_range(source, out, STEP):
            pass
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        while piece := os.read(source, PIECE):  # two file systems of different kinds, or no file at all
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(out, rest) :]


@contextmanager
def _above(folder: Path, path: str, *, create: bool = False, user: int | None = None) -> Iterator[tuple[int, str]]:
    """The open folder that a path lies in, and the name there. create: folders on the way, which are user's then."""
    *parts, name = path.split("/")
    number = os.open(folder, FOLDER)
    try:
        for part in parts:
            below = _below(number, part, create=create, user=user)
            os.close(number)
            number = below
        yield number, name
    finally:
        os.close(number)


def _below(number: int, part: str, *, create: bool, user: int | None) -> int:
    try:
        return os.open(part, FOLDER, dir_fd=number)
    except FileNotFoundError:
        if not create:
            raise
    os.mkdir(part, 0o755, dir_fd=number)
    made = os.open(part, FOLDER, dir_fd=number)
    os.fchmod(made, 0o755)
    if user is not None:
        os.fchown(made, user, user)
    return made
