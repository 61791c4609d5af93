"""The wheelhouse: every wheel of every kept lock, by its content, so that a Space builds again without an index."""

from __future__ import annotations

import os
import shutil
import urllib.error
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkstemp
from typing import IO, Final

from builder.download import copied, opened
from builder.faults import BuildFailed
from builder.lock import Lock, Wheel
from builder.progress import count, say, size, step
from builder.sources import Sources

AT_ONCE: Final = 8
LARGE: Final = 50_000_000  # bytes; a download of that size is announced
TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheelhouse:
    """folder: `ab/<sha256>/<file name>`. own: the same for wheels that were built from source, for one Space alone."""

    folder: Path
    own: Path
    sources: Sources

    def path(self, wheel: Wheel) -> Path:
        """Where it lies, or will."""
        return (self.own if wheel.source else self.folder) / wheel.sha256[:2] / wheel.sha256 / wheel.file

    def missing(self, lock: Lock) -> tuple[Wheel, ...]:
        """Those not here."""
        return tuple(wheel for wheel in lock.wheels if not wheel.sha256 or not self.path(wheel).is_file())

    def fill(self, lock: Lock) -> Lock:
        """Fetch what is missing. The lock comes back with every digest, also where an index told none.

        Raises: BuildFailed.
        """
        missing = self.missing(lock)
        if not missing:
            return lock
        with step(f"Downloading {count(len(missing), 'package')}") as told, ThreadPoolExecutor(AT_ONCE) as pool:
            fetched = dict(zip(missing, pool.map(self._fetch, missing), strict=True))
            told.append(size(sum(self.path(wheel).stat().st_size for wheel in fetched.values())))
        return replace(lock, wheels=tuple(fetched.get(wheel, wheel) for wheel in lock.wheels))

    def _fetch(self, wheel: Wheel) -> Wheel:
        if wheel.source:
            text = f"{wheel.file} was built from source and is gone. Rebuild the Space."
            raise BuildFailed(text)
        for left in reversed(range(TRIES)):
            try:
                return self._once(wheel)
            except urllib.error.HTTPError as error:
                if not left or error.code < 500:  # noqa: PLR2004
                    raise BuildFailed(f"{wheel.file} cannot be downloaded: the index answers {error.code}.") from None
            except (OSError, EOFError) as error:
                if not left:
                    why = getattr(error, "reason", error)
                    text = f"{wheel.file} cannot be downloaded: {why}. Nothing is lost; rebuild when the index is back."
                    raise BuildFailed(text) from None
        raise AssertionError("unreachable")

    def _once(self, wheel: Wheel) -> Wheel:
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(dir=self.folder, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as out, closing(self._open(wheel)) as content:
                digest = copied(content, out)
            if wheel.sha256 and digest != wheel.sha256:
                raise BuildFailed(
                    f"{wheel.file} is not the file it was: its content has another sha256. Not installed."
                )
            known = replace(wheel, sha256=digest)
            target = self.path(known)
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(name).chmod(0o444)
            Path(name).rename(target)
            return known
        finally:
            Path(name).unlink(missing_ok=True)

    def _open(self, wheel: Wheel) -> IO[bytes]:
        answer = opened(wheel.url, wheel.file, self.sources)
        length = int(getattr(answer, "headers", {}).get("Content-Length") or 0)
        if length > LARGE:
            say(f"  {wheel.name} {wheel.version}: {size(length)}")
        return answer


def install_list(wheels: Sequence[Wheel], house: Wheelhouse) -> str:
    """A pylock.toml that names the files here and nothing outside."""
    told = ['lock-version = "1.0"', 'created-by = "spaces"']
    for w in wheels:
        path = str(house.path(w)).replace("\\", "\\\\").replace('"', '\\"')
        wheel = f'{{ name = "{w.file}", path = "{path}", hashes = {{ sha256 = "{w.sha256}" }} }}'
        told.append(f'[[packages]]\nname = "{w.name}"\nversion = "{w.version}"\nwheels = [{wheel}]')
    return "\n".join(told) + "\n"


def remove(folder: Path) -> None:
    """Delete a folder, read-only ones inside it too."""
    for place, folders, _ in os.walk(folder):
        for name in folders:
            inner = Path(place) / name
            if not inner.is_symlink():
                inner.chmod(0o700)
    if folder.exists():
        folder.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
