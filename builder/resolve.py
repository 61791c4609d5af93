"""Requirements → lock, by uv."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.tags import platform_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from builder import lock as locks
from builder.complaint import explain
from builder.faults import BuildFailed
from builder.lock import Lock
from builder.progress import say
from builder.python import Python
from builder.requirements import CODE, Wanted
from builder.sources import Sources
from builder.uv import Uv

PATIENCE: Final = 300.0  # seconds for one resolution
TRIAL: Final = 30.0  # seconds for one that may have nobody to answer it


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """code: the checkout, where relative paths begin. work: an own folder for the files given to uv."""

    uv: Uv
    sources: Sources
    python: Python
    accelerator: str
    code: Path
    work: Path

    def resolve(self, wanted: Wanted) -> Lock:
        """Settle every version now. Raises: BuildFailed."""
        lock = self._attempt(wanted)
        torch = next((wheel for wheel in lock.wheels if wheel.name == "torch"), None)
        if torch is None or self.accelerator != "cpu" or "+cpu" in torch.version:
            return lock
        return self._for_cpu(wanted) or self._as_it_is(lock)

    def _for_cpu(self, wanted: Wanted) -> Lock | None:
        """The same with torch for CPUs: some hundred megabytes in place of gigabytes."""
        local = cpu_torch(self.sources.links, self.python)
        pins = self.work / "cpu.txt"
        pins.write_text(local)
        for extra in (("--torch-backend", "cpu"), ("-c", str(pins)) if local else ()):
            try:
                if extra:
                    return self._attempt(wanted, *extra, seconds=TRIAL, retries=0)
            except BuildFailed:
                continue  # nobody answers there, or this version has no such build: the next, at last the plain one
        return None

    def _as_it_is(self, lock: Lock) -> Lock:
        say("torch comes with GPU libraries here: no index with a CPU build answers. Sizes are said before downloads.")
        return lock

    def _attempt(self, wanted: Wanted, *extra: str, seconds: float = PATIENCE, retries: int = 3) -> Lock:
        for path, text in wanted.files:
            copy = self.work / "requirements" / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text.replace(CODE, str(self.code)))
        platform = self.work / "platform.txt"
        platform.write_text("".join(f"{line}\n" for line in wanted.platform))
        roots = [str(self.work / "requirements" / root) for root in wanted.roots]
        out = self.work / "pylock.toml"
        out.unlink(missing_ok=True)  # uv prefers the versions of a file that is there
        pre = ("--prerelease", "allow") if wanted.prereleases else ()
        told = (*self.sources.flags(), *pre, *extra, *roots, str(platform), "-o", str(out))
        ended = self.uv.compile(self.python, *told, cwd=self.code, seconds=seconds, retries=retries)
        if ended.status != 0:
            raise explain(ended.err, wanted, self.python.version)
        inputs = wanted.digest(python=self.python.minor, accelerator=self.accelerator)
        ranks = locks.tags(self.python.minor, platform_tags())
        try:
            text = out.read_text()
            return locks.read_pylock(text, inputs=inputs, python=self.python.minor, ranks=ranks, folder=self.work)
        except LookupError as error:
            raise explain(f"error:\ncause: {error.args[0]} has no wheels", wanted, self.python.version) from None


def cpu_torch(links: tuple[str, ...], python: Python) -> str:
    """A pin to the newest CPU build of torch in the local find-links folders; empty: there is none."""
    ranks = locks.tags(python.minor, platform_tags())
    versions = []
    for folder in links:
        for file in Path(folder.removeprefix("file://")).glob("torch-*.whl"):
            try:
                _, version, _, supported = parse_wheel_filename(file.name)
            except InvalidWheelFilename:
                continue
            if version.local == "cpu" and any(tag in ranks for tag in supported):
                versions.append(version)
    return f"torch=={max(versions)}\n" if versions else ""
