"""Requirements → lock, by uv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from packaging.tags import Tag, platform_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from builder import lock as locks
from builder.complaint import explain
from builder.faults import BuildFailed
from builder.lock import Lock, Wheel
from builder.origin import Origin
from builder.progress import say
from builder.python import Python
from builder.requirements import CODE, Wanted
from builder.sources import Sources
from builder.uv import Uv
from builder.wheels import Wheelhouse

PATIENCE: Final = 300.0  # seconds for one resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A wheel that was built from source. label: of its source, as exact as it came to be known."""

    origin: Origin
    label: str
    wheel: Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """code: the checkout, where relative paths begin. work: an own folder for the files given to uv."""

    uv: Uv
    house: Wheelhouse
    python: Python
    accelerator: str
    code: Path
    work: Path

    @property
    def sources(self) -> Sources:
        """Where packages come from."""
        return self.house.sources

    @property
    def ranks(self) -> dict[Tag, int]:
        """Of the wheels this Python takes here."""
        return locks.tags(self.python.minor, platform_tags())

    def resolve(self, wanted: Wanted, built: Sequence[Built] = ()) -> Lock:
        """Settle every version now, with torch for CPUs where there is one: megabytes in place of gigabytes.

        built: takes the place of its origin. Raises: BuildFailed, NoWheel.
        """
        if self.accelerator != "cpu":
            return self.settle(wanted, built)
        try:
            return self.settle(wanted, built, extra=self._for_cpu())
        except BuildFailed as failed:
            if "torch" not in failed.said:
                raise
        # nobody answers there, or no such build of the version that is asked for
        lock = self.settle(wanted, built)
        if any(wheel.name == "torch" and "+cpu" not in wheel.version for wheel in lock.wheels):
            say("torch comes with GPU libraries here: no index with a CPU build of it answers.")
        return lock

    def _for_cpu(self) -> tuple[str, ...]:
        """An operator's folder comes before the address that uv knows. Without torch neither means anything."""
        local = cpu_torch(self.sources.links, self.python)
        if not local:
            return ("--torch-backend", "cpu")
        pins = self.work / "cpu.txt"
        pins.write_text(local)
        return ("-c", str(pins))

    def settle(self, wanted: Wanted, built: Sequence[Built] = (), *, extra: Sequence[str] = ()) -> Lock:
        """One resolution. extra: options of uv. Raises: BuildFailed, NoWheel."""
        for path, text in wanted.files:
            copy = self.work / "requirements" / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(self._with(text.replace(CODE, str(self.code)), built))
        platform = self.work / "platform.txt"
        platform.write_text("".join(f"{line}\n" for line in wanted.platform))
        roots = [str(self.work / "requirements" / root) for root in wanted.roots]
        out = self.work / "pylock.toml"
        out.unlink(missing_ok=True)  # uv prefers the versions of a file that is there
        pre = ("--prerelease", "allow") if wanted.prereleases else ()
        links = [part for each in built for part in ("--find-links", str(self.house.path(each.wheel).parent))]
        told = (*self.sources.flags(), *pre, *links, *extra, *roots, str(platform), "-o", str(out))
        ended = self.uv.compile(self.python, *told, cwd=self.code, seconds=PATIENCE)
        if ended.status != 0:
            failed = explain(ended.err, wanted, self.python.version)
            failed.said = ended.err
            raise failed
        inputs = wanted.digest(python=self.python.minor, accelerator=self.accelerator)
        try:
            text = out.read_text()
            lock = locks.read_pylock(text, inputs=inputs, python=self.python.minor, ranks=self.ranks, folder=self.work)
        except LookupError as error:
            raise explain(f"error:\ncause: {error.args[0]} has no wheels", wanted, self.python.version) from None
        ours = {self.house.path(each.wheel).as_uri(): each.wheel for each in built}
        wheels = tuple(ours.get(urlsplit(w.url)._replace(fragment="").geturl(), w) for w in lock.wheels)
        return replace(lock, wheels=wheels)

    def _with(self, text: str, built: Sequence[Built]) -> str:
        """Wheels where the marks of their origins stand."""
        for each in built:
            at = self.house.path(each.wheel).as_uri()
            text = text.replace(each.origin.mark, f"{each.wheel.name}{each.origin.extras} @ {at}")
        return text


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
