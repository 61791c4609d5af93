"""Builds from source, seen from outside: fetches what a build needs, and takes the wheel that it leaves.

A build goes in turns. `python -m builder` fetches sources and what their builds need, and ends with UNBUILT; each
source is built in a sandbox of its own, which has no network, writes to one folder and sees nothing else; then
`python -m builder` goes on with the wheels. What a package's code left is read as a stranger's: only a wheel is taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from builder import given, origin, sdists, trouble
from builder.download import copied
from builder.faults import BuildFailed, NoWheel, Unbuilt
from builder.from_source import OUTCOME, WHEEL
from builder.lock import Wheel
from builder.origin import Kind, Origin
from builder.progress import say
from builder.requirements import Wanted
from builder.resolve import Built, Resolver
from builder.wheels import Wheelhouse, remove

MOST: Final = 60  # packages that one build may ask for
NEEDS: Final = "needs.json"
LABEL: Final = "label"
BUILT: Final = "built.json"
SHARED: Final = 0o2775  # the scheduler, of the same group, deletes what is left
HANDED: Final = "handed"  # a sandbox was given this source
LARGEST_OUTCOME: Final = 2**20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """folder: a folder for each source by its key; in it `given`, `tools`, and `work`, all that its build may write.

    code: the checkout.
    """

    folder: Path
    code: Path
    house: Wheelhouse
    resolver: Resolver

    def built(self, asked: Sequence[Origin]) -> tuple[Built, ...]:
        """The wheels of these and of those that came up before. Raises: Unbuilt, a sandbox has to; BuildFailed."""
        for each in asked:
            if not (self.folder / each.key).exists():
                self._begin(each)
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        looked = {folder.name: self._look(source, folder) for folder in folders if (source := origin.load(folder))}
        waiting = tuple(key for key, built in looked.items() if built is None)
        for key in waiting:
            (self.folder / key / HANDED).touch()
        if waiting:
            raise Unbuilt(waiting)
        return tuple(built for built in looked.values() if built is not None)

    def source_of(self, lacking: NoWheel, wanted: Wanted, built: Sequence[Built]) -> Origin:
        """The source of a package that has no wheel. Raises: NoWheel as it was, there is none; BuildFailed."""
        bounds = [bound for bound in (*lacking.bounds, *_asked(lacking.name, wanted)) if _is_bound(bound)]
        python = self.resolver.python.version
        try:
            allowed = SpecifierSet(",".join(bounds))
            found = sdists.newest(lacking.name, allowed, python, self.house.sources, prereleases=wanted.prereleases)
        except OSError as error:
            why = str(getattr(error, "reason", error)).rstrip(".")
            raise BuildFailed(f"{lacking.why} Its source cannot be looked for: {why}.") from None
        if found is None:
            raise lacking
        source = Origin(
            kind=Kind.INDEX,
            target=found.url,
            name=found.name,
            sha256=found.sha256,
            file=lacking.file,
            line=lacking.line,
            why=f"{found.name} {found.version} has no wheel for Python {python}",
        )
        if any(each.origin.key == source.key for each in built):
            text = f"{lacking.why} It was built from source as {found.version}, and that does not fit the rest."
            raise BuildFailed(text, file=lacking.file, line=lacking.line)
        return source

    def _begin(self, source: Origin) -> None:
        """Everything that a build without a network needs."""
        self.folder.mkdir(exist_ok=True)
        new = Path(mkdtemp(dir=self.folder, prefix=".new-"))
        for name in ("given", "work"):
            (new / name).mkdir()
        say(f"{source.label} is built from source: {source.why}.")
        (new / LABEL).write_text(given.fetch(source, new / "given", self.code, self.house.sources))
        self._tools(source, new, given.needs(source, new / "given", self.code))
        source.save(new)
        new.chmod(SHARED)
        new.rename(self.folder / source.key)

    def _tools(self, source: Origin, folder: Path, needs: Sequence[str]) -> None:
        """Wheels of what its build asks for; they come from an index like all others."""
        tools = folder / "tools"
        remove(tools)
        tools.mkdir()
        (folder / NEEDS).write_text(json.dumps(list(needs)))
        if not needs:
            return
        strange = next((need for need in needs if not trouble.is_plain(need)), None)
        if strange is not None:  # an option or a path of this machine would be read by our resolver
            raise self._failed(source, f"its build asks for {strange!r}, which is no name with a version")
        listed = "".join(f"{need}\n" for need in needs)
        wanted = Wanted(files=(("build-requires.txt", listed),), roots=("build-requires.txt",), platform=(), asks=())
        try:
            lock = self.house.fill(self.resolver.settle(wanted))
        except BuildFailed as failed:
            raise self._failed(source, f"what its build needs cannot be had: {failed.why}") from None
        for wheel in lock.wheels:
            shutil.copyfile(self.house.path(wheel), tools / wheel.file)

    def _look(self, source: Origin, folder: Path) -> Built | None:
        """Its wheel; None: it is to be built once more, or for the first time."""
        label = (folder / LABEL).read_text()
        if (folder / BUILT).exists():
            return Built(origin=source, label=label, wheel=Wheel(**json.loads((folder / BUILT).read_text())))
        outcome = _outcome(folder / "work")
        if outcome is None:
            if (folder / HANDED).exists():
                raise self._failed(source, "its build ended without an outcome")
            return None
        status, said = outcome
        if status != 0:
            self._more(source, folder, said)
            return None
        wheel = self._taken(source, folder / "work" / WHEEL, label)
        (folder / BUILT).write_text(json.dumps(asdict(wheel)))
        for name in ("given", "tools", "work"):
            remove(folder / name)
        say(f"{source.label}: {wheel.name} {wheel.version} is built.")
        return Built(origin=source, label=label, wheel=wheel)

    def _more(self, source: Origin, folder: Path, said: Sequence[str]) -> None:
        """Give it what it asked for while it ran. Raises: BuildFailed when it failed for another reason."""
        before = json.loads((folder / NEEDS).read_text())
        more = [need for need in trouble.wanted(said) if need not in before]
        if not more or len(before) > MOST:
            raise self._failed(source, f"its build failed. {trouble.told(said)}")
        say(f"  {source.label} also needs {', '.join(more)} to be built.")
        self._tools(source, folder, [*before, *more])
        remove(folder / "work")
        (folder / "work").mkdir()

    def _taken(self, source: Origin, folder: Path, label: str) -> Wheel:
        """Copied to where only this Space's builds look, named by what was read: nothing that code left is trusted."""
        names = [name for name in _names(folder) if name.endswith(".whl")]
        if len(names) != 1:
            raise self._failed(source, f"its build ended well and left {len(names)} wheels")
        try:
            name, version, _, tags = parse_wheel_filename(names[0])
        except InvalidWheelFilename:
            raise self._failed(source, f"its build left {names[0]}, which is no wheel") from None
        if source.name and name != canonicalize_name(source.name):
            raise self._failed(source, f"it is {name}, and {source.name} was asked for")
        if not any(tag in self.resolver.ranks for tag in tags):
            raise self._failed(source, f"its build left {names[0]}, which this Python does not take")
        content = _opened(folder, names[0])
        if content is None:
            raise self._failed(source, f"its build left {names[0]}, which is no file")
        self.house.own.mkdir(parents=True, exist_ok=True)
        new = self.house.own / ".new"
        with content, new.open("wb") as out:
            digest = copied(content, out)
        wheel = Wheel(name=name, version=str(version), file=names[0], sha256=digest, url="", source=label)
        target = self.house.path(wheel)
        target.parent.mkdir(parents=True, exist_ok=True)
        new.chmod(0o444)
        new.rename(target)
        return replace(wheel, url=target.as_uri())

    def _failed(self, source: Origin, why: str) -> BuildFailed:
        text = f"{source.place}: {source.label} has to be built from source, and {why}"
        return BuildFailed(f"{text.rstrip('.')}.", file=source.file, line=source.line)


def _asked(name: str, wanted: Wanted) -> list[str]:
    """Bounds that the author's own lines set."""
    found = []
    for ask in wanted.asks:
        if ask.name == name:
            with contextlib.suppress(InvalidRequirement):
                found.append(str(Requirement(ask.text).specifier))
    return found


def _is_bound(text: str) -> bool:
    try:
        return bool(str(SpecifierSet(text)))
    except InvalidSpecifier:
        return False


def confined(folder: Path, code: Path) -> tuple[tuple[str, ...], Path]:
    """Arguments of `python -m builder.from_source` for one waiting source, and the source that it reads."""
    source = origin.load(folder)
    if source is None:
        raise BuildFailed(f"What was to be built in {folder.name} is gone. Rebuild the Space.")
    at = folder / "given"
    if source.kind is Kind.FOLDER:
        at = code / source.target
    elif source.kind is Kind.GIT:
        at = at / "tree"
    else:
        [at] = at.glob("source.*")
    told = ("--source", str(at), "--inside", source.subfolder, "--tools", str(folder / "tools"))
    return (*told, "--work", str(folder / "work")), at


def _outcome(work: Path) -> tuple[int, list[str]] | None:
    """What a build said of itself; None: it has not run, or did not come to its end."""
    file = _opened(work, OUTCOME)
    if file is None:
        return None
    try:
        with file:
            told = json.loads(file.read(LARGEST_OUTCOME))
        return int(told["status"]), [str(line) for line in told["said"]]
    except (ValueError, TypeError, KeyError):
        return 1, ["it left an outcome that cannot be read"]


def _names(folder: Path) -> list[str]:
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return sorted(os.listdir(at))  # noqa: PTH208  of a descriptor
    finally:
        os.close(at)


def _opened(folder: Path, name: str) -> IO[bytes] | None:
    """A regular file; links, on the way too, lead nowhere."""
    try:
        at = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    except OSError:
        return None
    finally:
        os.close(at)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    return None
