"""preload_from_hub: repos fetched at build, in the form of the Hub's cache, shared by all that ask for the same."""

from __future__ import annotations

import json
import shutil
import urllib.error
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final
from urllib.parse import quote

from builder.download import opened
from builder.environment import freeze, only_one
from builder.faults import BuildFailed, sentence
from builder.frontmatter import FILE as README
from builder.progress import count, size, step
from builder.recipe import Preload
from builder.sources import Sources
from builder.wheels import remove

FILE: Final = "preload.json"


def found(bases: Path, wanted: tuple[Preload, ...], earlier: Iterable[Path]) -> Path | None:
    """What an earlier build of this Space fetched for the same words; it is kept to, as a lock is."""
    if not wanted:
        return None
    for folder in earlier:
        try:
            kept = json.loads((folder / FILE).read_text())
        except (OSError, ValueError):
            continue
        if kept.get("asked") == _asked(wanted) and (bases / str(kept.get("folder"))).is_dir():
            return bases / str(kept["folder"])
    return None


def keep(out: Path, wanted: tuple[Preload, ...], folder: Path | None) -> None:
    """For the next build."""
    if folder is not None:
        (out / FILE).write_text(json.dumps({"asked": _asked(wanted), "folder": folder.name}))


def fetch(bases: Path, wanted: tuple[Preload, ...], hub: str, sources: Sources) -> Path | None:
    """Fetch what is not here. hub: its address. None: nothing is asked for. Raises: BuildFailed."""
    if not wanted:
        return None
    plans = [_Plan(preload, hub, sources) for preload in wanted]
    told = sorted((plan.preload.repo, plan.commit, plan.files, plan.ref) for plan in plans)
    final = bases / f"hub-{sha256(repr(told).encode()).hexdigest()}"
    bases.mkdir(parents=True, exist_ok=True)
    with only_one(bases / f".lock-{final.name}"):
        if final.is_dir():
            return final
        new = bases / f".new-{final.name}"
        remove(new)
        try:
            for plan in plans:
                plan.fetch(new)
            freeze(new)
            new.rename(final)
        except BaseException:
            remove(new)
            raise
    return final


def _asked(wanted: tuple[Preload, ...]) -> str:
    return sha256(repr([(p.repo, p.files, p.commit) for p in wanted]).encode()).hexdigest()


class _Plan:
    """One repo at one commit, and which of its files."""

    def __init__(self, preload: Preload, hub: str, sources: Sources) -> None:
        self.preload, self._hub, self._sources = preload, hub.rstrip("/"), sources
        if not hub:
            raise self._failed("no hub is configured to fetch it from")
        told = self._json(f"/api/models/{preload.repo}/revision/{preload.commit or 'main'}")
        self.commit = str(told.get("sha", ""))
        self.ref = "" if preload.commit else "main"
        there = [str(sibling["rfilename"]) for sibling in told.get("siblings", ())]
        absent = next((name for name in preload.files if name not in there), None)
        if absent is not None:
            raise self._failed(f"it has no file {absent}")
        self.files = tuple(name for name in there if not preload.files or name in preload.files)
        if any(".." in PurePosixPath(name).parts or name.startswith("/") for name in self.files):
            raise self._failed("it names files outside itself")

    def fetch(self, into: Path) -> None:
        """Below `into`, as clients look for it."""
        home = into / f"models--{self.preload.repo.replace('/', '--')}"
        with step(f"Fetching {self.preload.repo}: {count(len(self.files), 'file')}") as told:
            total = sum(self._file(home, name) for name in self.files)
            told.append(size(total))
        if self.ref:
            (home / "refs").mkdir(parents=True, exist_ok=True)
            (home / "refs" / self.ref).write_text(self.commit)

    def _file(self, home: Path, name: str) -> int:
        blobs = home / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        with self._open(f"/{self.preload.repo}/resolve/{self.commit}/{quote(name)}") as answer:
            partial = blobs / ".partial"
            with partial.open("wb") as out:
                shutil.copyfileobj(answer, out, 2**20)
        blob = blobs / sha256(f"{self.commit}/{name}".encode()).hexdigest()
        partial.rename(blob)
        link = home / "snapshots" / self.commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to("../" * (1 + len(PurePosixPath(name).parts)) + f"blobs/{blob.name}")
        return blob.stat().st_size

    def _json(self, path: str) -> dict[str, Any]:
        with self._open(path) as answer:
            told = json.load(answer)
        return told if isinstance(told, dict) else {}

    def _open(self, path: str) -> IO[bytes]:
        try:
            return opened(self._hub + path, self.preload.repo, self._sources)
        except urllib.error.HTTPError as error:
            known = {401: "no public repo of that name", 403: "it is not public", 404: "no such repo or revision"}
            raise self._failed(known.get(error.code, f"the hub answers {error.code}")) from None
        except (OSError, ValueError) as error:
            raise self._failed(f"the hub does not answer: {getattr(error, 'reason', error)}") from None

    def _failed(self, why: str) -> BuildFailed:
        found = f'preload_from_hub: "{self.preload.repo}" cannot be fetched, {why}'
        return BuildFailed(sentence(README, self.preload.line, found), file=README, line=self.preload.line)
