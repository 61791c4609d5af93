"""A checked-out revision, read without following its links: they may point anywhere."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path, PurePosixPath
from typing import Final

LONGEST: Final = 4_000_000  # bytes of a file we read as text


@dataclass(frozen=True, slots=True)
class Tree:
    """root: absolute."""

    root: Path

    def files(self) -> frozenset[str]:
        """Paths of the files, and of links to them."""
        found: set[str] = set()
        for place, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".git"]
            relative = Path(place).relative_to(self.root)
            found.update(str(PurePosixPath(relative / name)) for name in files)
        return frozenset(found)

    def fingerprint(self, path: str) -> str:
        """Of a file's content, or of the wheels in a folder; links and what is not there have none."""
        at = self.root / path
        files = sorted(at.glob("*.whl")) if at.is_dir() else [at]
        digest = sha256()
        for file in files:
            if file.is_file() and file.resolve().is_relative_to(self.root.resolve()):
                with file.open("rb") as content:
                    digest.update(repr((file.name, file_digest(content, "sha256").hexdigest())).encode())
        return digest.hexdigest()

    def contents(self, path: str) -> str:
        """Of a file, or of all below a folder: names, modes, bytes, where links lead. Empty: nothing is there."""
        at = self.root / path
        if at.is_symlink() or not at.exists() or not at.resolve().is_relative_to(self.root.resolve()):
            return ""
        digest = sha256()
        for file in sorted(at.rglob("*")) if at.is_dir() else [at]:
            told = file.lstat()
            digest.update(repr((str(file.relative_to(at)), bool(told.st_mode & stat.S_IXUSR))).encode())
            if stat.S_ISLNK(told.st_mode):
                digest.update(str(file.readlink()).encode())
            elif stat.S_ISREG(told.st_mode):
                with file.open("rb") as content:
                    digest.update(file_digest(content, "sha256").digest())
        return digest.hexdigest()

    def read(self, path: str) -> str | None:
        """Text of a regular file; None when there is none, or a link stands on the way."""
        at = os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        *folders, name = PurePosixPath(path).parts or ("",)
        try:
            for folder in folders:
                inner = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
                os.close(at)
                at = inner
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        except OSError:
            return None
        finally:
            os.close(at)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            return file.read(LONGEST).decode(errors="replace")
