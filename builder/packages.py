"""packages.txt → a folder of Debian packages, shared by all Spaces with the same list. Their scripts never run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from platform import freedesktop_os_release, machine
from typing import Final

from builder.debian import Apt
from builder.environment import freeze, only_one
from builder.faults import BuildFailed, sentence
from builder.progress import count, size, step
from builder.wheels import remove

FILE: Final = "packages.txt"
FORM: Final = "1"
_PACKAGE: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Package → the line that asks for it."""

    lines: tuple[tuple[str, int], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Sorted, each once."""
        return tuple(sorted({name for name, _ in self.lines}))

    def place(self, name: str) -> tuple[str, int]:
        """File and line."""
        return FILE, dict(reversed(self.lines)).get(name, 0)


def parse(text: str) -> Wanted:
    """One or more names a line; empty lines and comments are nothing. Raises: BuildFailed."""
    found: list[tuple[str, int]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        for name in line.partition("#")[0].split():
            if not _PACKAGE.fullmatch(name):
                said = sentence(FILE, number, f'"{name}" is not the name of a Debian package', "One name a line.")
                raise BuildFailed(said, file=FILE, line=number)
            found.append((name, number))
    return Wanted(tuple(found))


def path(bases: Path, wanted: Wanted) -> Path | None:
    """Where the folder of this list stands, or will; None for an empty list."""
    if not wanted.names:
        return None
    system = freedesktop_os_release().get("VERSION_CODENAME", "")
    return bases / sha256(repr((FORM, system, machine(), wanted.names)).encode()).hexdigest()


def install(bases: Path, cache: Path, wanted: Wanted) -> Path | None:
    """Make it, unless it is there; None for an empty list. Raises: BuildFailed."""
    final = path(bases, wanted)
    if final is None:
        return None
    bases.mkdir(parents=True, exist_ok=True)
    with only_one(bases / f".lock-{final.name}"):
        if final.is_dir():
            return final
        new = bases / f".new-{final.name}"
        remove(new)
        try:
            with step(f"Installing {count(len(wanted.names), 'Debian package')}") as told:
                apt = Apt(cache)
                with only_one(apt.prepare() / "lock"):
                    archives = apt.download(wanted)
                new.mkdir()
                for archive in archives:
                    apt.unpack(archive, new)
                told += [count(len(archives), "archive"), size(sum(archive.stat().st_size for archive in archives))]
            link_alternatives(new)
            freeze(new)
            new.rename(final)
        except BaseException:
            remove(new)
            raise
    return final


def link_alternatives(base: Path) -> None:
    """BLAS and LAPACK lie in folders of their own until a maintainer script chooses one; we choose."""
    for folder in sorted((base / "usr" / "lib").glob("*-linux-gnu/*/")):
        if folder.name not in ("blas", "lapack") and not folder.name.startswith("openblas"):
            continue
        for library in sorted(folder.glob("lib*.so.*")):
            link = folder.parent / library.name
            if not link.exists():
                link.symlink_to(f"{folder.name}/{library.name}")
