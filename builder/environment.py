"""Lock → a shared, read-only environment. Nothing of a package runs here.

A folder under its final name is finished; everything before lies under a name that begins with `.new-`. Only bytecode
may still come: while some is missing, the folder holds the lock it was made from, under the name of UNCOMPILED.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from platform import machine
from tempfile import mkdtemp
from typing import Final

from builder.bytecode import Bytecode
from builder.faults import BuildFailed
from builder.lock import Lock, load_file
from builder.progress import count, say, step
from builder.python import Python, asked
from builder.uv import MAJOR, Uv
from builder.wheels import Wheelhouse, install_list, remove

FORM: Final = "1"  # of what this module makes; raised when the same lock would become something else
PATIENCE: Final = 1800.0  # seconds
UNCOMPILED: Final = "uncompiled.json"


def key(lock: Lock, python: Python, accelerator: str) -> str:
    """The environment's name: equal keys hold equal files."""
    told = (FORM, lock.digest, python.version, python.prefix, machine(), MAJOR, accelerator)
    return sha256(repr(told).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """folder: all of them by key."""

    folder: Path
    uv: Uv
    house: Wheelhouse

    def path(self, name: str) -> Path:
        """Where it stands, or will."""
        return self.folder / name

    def make(self, name: str, lock: Lock, python: Python) -> Path:
        """Build it, unless it is there. Raises: BuildFailed."""
        final = self.path(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        with only_one(self.folder / f".lock-{name}"):
            if final.is_dir():
                return final
            for leftover in self.folder.glob(f".new-{name}-*"):  # of a build that was killed: we hold its lock
                remove(leftover)
            new = Path(mkdtemp(dir=self.folder, prefix=f".new-{name}-"))
            try:
                self._populate(new, lock, python)
                freeze(new)
                new.rename(final)
            except BaseException:
                remove(new)
                raise
        return final

    def _populate(self, new: Path, lock: Lock, python: Python) -> None:
        with step(f"Installing {count(len(lock.wheels), 'package')}"):
            self._uv("venv", "-q", "--relocatable", "--allow-existing", "-p", python.path, str(new), cwd=new)
            listed = new / "pylock.toml"
            listed.write_text(install_list(lock.wheels, self.house))
            # into an empty environment: uv asks its interpreter for its paths, and no .pth file is there yet
            told = ("pip", "sync", "-q", "--offline", "-p", str(new / "bin" / "python"), "--only-binary", ":all:")
            self._uv(*told, str(listed), cwd=new)
            listed.unlink()
        missing = Bytecode(cache=bytecode_of(self.uv.cache), python=python, env=new, lock=lock).prepare()
        if missing:
            (new / UNCOMPILED).write_text(lock.json)
            say(f"{count(missing, 'module')} will be compiled while the app runs; until then its starts take longer.")

    def _uv(self, *arguments: str, cwd: Path) -> None:
        ended = self.uv.run(*arguments, cwd=cwd, seconds=PATIENCE)
        if ended.status != 0:
            said = [line.strip() for line in ended.err.splitlines() if line.strip()]
            why = said[-1].removeprefix("cause: ") if said else f"uv ended with status {ended.status}"
            raise BuildFailed(f"The packages cannot be installed: {why}.")


def bytecode_of(cache: Path) -> Path:
    """Where the shared cache keeps it."""
    return cache / "bytecode"


def finish(env: Path, cache: Path, *, app: str, processes: int) -> None:
    """Compile what an environment still lacks, while apps run from it. May be killed, begun again, asked twice.

    app: the file whose imports come first. Raises: BuildFailed; OSError, the environment was removed meanwhile.
    """
    place = bytecode_of(cache)
    place.mkdir(parents=True, exist_ok=True)
    with only_one(place / ".lock"):
        lock, python = load_file(env / UNCOMPILED), asked(str((env / "bin" / "python").resolve()))
        if lock is None or python is None:
            return
        with step("Compiling modules") as result:
            fresh = Bytecode(cache=place, python=python, env=env, lock=lock).complete(app=app, processes=processes)
            result.append(f"{fresh} new")
        env.chmod(0o755)
        try:
            (env / UNCOMPILED).unlink(missing_ok=True)
        finally:
            env.chmod(0o555)


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Wait until nobody else holds this lock; it ends with its process."""
    handle = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.utime(handle)  # in use: a sweep leaves it alone
        yield
    finally:
        os.close(handle)


def freeze(folder: Path) -> None:
    """Everybody may read, nobody may write: files are shared with the cache and other environments."""
    for place, _, files in os.walk(folder):
        for name in files:
            path = Path(place) / name
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode):
                continue
            wanted = 0o555 if mode & 0o111 else 0o444
            if stat.S_IMODE(mode) != wanted:
                path.chmod(wanted)
        Path(place).chmod(0o555)
