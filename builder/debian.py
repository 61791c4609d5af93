"""apt and dpkg-deb without root: own lists, own archive cache, the host's record of what is installed."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.command import run
from builder.faults import BuildFailed, sentence

if TYPE_CHECKING:
    from builder.packages import Wanted

STATUS: Final = Path("/var/lib/dpkg/status")
FRESH: Final = 86400.0  # seconds the package lists count as current
PATIENCE: Final = 900.0  # seconds
_UNKNOWN: Final = (
    re.compile(r"Unable to locate package (\S+)"),
    re.compile(r"Package '?([^\s']+)'? has no installation candidate"),
    re.compile(r"Version '[^']*' for '([^']+)' was not found"),
    re.compile(r"Couldn't find any package by .* '([^']+)'"),
)
_UNFETCHED: Final = re.compile(r"Failed to fetch \w+://([^/\s]+)/")


@dataclass(frozen=True, slots=True)
class Apt:
    """cache: its lists and archives, kept between builds."""

    cache: Path

    def prepare(self) -> Path:
        """Make the folders; the cache."""
        for name in ("lists/partial", "archives/partial", "tmp"):
            (self.cache / name).mkdir(parents=True, exist_ok=True)
        return self.cache

    def download(self, wanted: Wanted) -> list[Path]:
        """The archives of the packages and of all they need that the host lacks. Raises: BuildFailed."""
        self._refresh(older=FRESH)
        try:
            planned = self._plan(wanted)
        except BuildFailed:
            if not self._refresh(older=60.0):
                raise
            planned = self._plan(wanted)
        self._run("install", "--download-only", "-y", "--no-install-recommends", *wanted.names, wanted=wanted)
        return [self.cache / "archives" / name for name in planned]

    def _plan(self, wanted: Wanted) -> list[str]:
        """File names of the archives."""
        told = ("install", "--print-uris", "-qq", "-y", "--no-install-recommends", *wanted.names)
        lines = self._run(*told, wanted=wanted).splitlines()
        return [line.rsplit("' ", 1)[1].split()[0] for line in lines if line.startswith("'")]

    def _refresh(self, *, older: float) -> bool:
        """Fetch the lists if they are older than so many seconds. True: they are new."""
        stamp = self.cache / "refreshed"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < older:
            return False
        self._run("update", "-qq", wanted=None)
        stamp.touch()
        return True

    def _run(self, *arguments: str, wanted: Wanted | None) -> str:
        status = STATUS if STATUS.exists() else Path(os.devnull)
        options = {
            "Dir::State::lists": self.cache / "lists",
            "Dir::State::status": status,
            "Dir::State::extended_states": self.cache / "extended_states",
            "Dir::Cache": self.cache,
            "Dir::Cache::archives": self.cache / "archives",
            "Debug::NoLocking": "1",  # we hold a lock of our own
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
        }
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        try:
            ended = run(["apt-get", *flags, *arguments], env={"TMPDIR": str(self.cache / "tmp")}, seconds=PATIENCE)
        except FileNotFoundError:
            raise BuildFailed("packages.txt needs apt-get, which this machine does not have.") from None
        except TimeoutError as error:
            raise BuildFailed(f"packages.txt cannot be installed: {error}.") from None
        if ended.status != 0:
            raise explain(ended.err, wanted)
        return ended.out

    def unpack(self, archive: Path, into: Path) -> None:
        """Files only: no script of the package runs."""
        ended = run(["dpkg-deb", "-x", str(archive), str(into)], seconds=PATIENCE)
        if ended.status != 0:
            raise BuildFailed(f"packages.txt: {archive.name} cannot be unpacked.")


def explain(said: str, wanted: Wanted | None) -> BuildFailed:
    """apt's refusal as a sentence."""
    if lost := _UNFETCHED.search(said):
        why = f"packages.txt cannot be installed: {lost[1]} does not answer, or not with what apt expects."
        return BuildFailed(f"{why} Nothing is lost; build again when it does.", file="packages.txt")
    for pattern in _UNKNOWN if wanted else ():
        found = pattern.search(said)
        if found and wanted:
            name = next((n for n in wanted.names if n.split("=")[0] == found[1]), found[1])
            file, line = wanted.place(name)
            text = sentence(file, line, f"asks for {name}, which Debian does not have", "Check the spelling.")
            return BuildFailed(text.replace(": asks", " asks"), file=file, line=line)
    errors = [line.removeprefix("E: ").strip() for line in said.splitlines() if line.startswith("E: ")]
    why = errors[0] if errors else (said.strip().splitlines() or ["apt-get gave no reason"])[-1]
    return BuildFailed(f"packages.txt cannot be installed: {why.rstrip('.')}.", file="packages.txt")
