"""What a resolution settled: one wheel per package, named by its content."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

FILE: Final = "lock.json"
TEXT: Final = "lock.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """file: its name; sha256: of its content, empty while an index did not tell; url: where it was found.

    source: what it was built from, for one Space alone; empty: an index's own.
    """

    name: str
    version: str
    file: str
    sha256: str
    url: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """inputs: digest of what was resolved; python: such as 3.11. Wheels by name."""

    inputs: str
    python: str
    wheels: tuple[Wheel, ...]

    @property
    def is_private(self) -> bool:
        """Code that an author chose made a part of it: of use to one Space alone."""
        return any(wheel.source for wheel in self.wheels)

    @property
    def digest(self) -> str:
        """Names what will be installed, wherever it came from."""
        told = tuple((w.name, w.version, w.file, w.sha256) for w in self.wheels)
        return sha256(repr(told).encode()).hexdigest()

    @property
    def json(self) -> str:
        """As load_file reads it."""
        return json.dumps(asdict(self), indent=1)

    def save(self, folder: Path) -> None:
        """For the next build, and as text for people."""
        (folder / FILE).write_text(self.json)
        told = ((f"{w.name}=={w.version} --hash=sha256:{w.sha256}", w.source) for w in self.wheels)
        (folder / TEXT).write_text("".join(f"{pin}  # built from {of}\n" if of else f"{pin}\n" for pin, of in told))

    def share(self, file: Path) -> None:
        """For every Space that asks for the same; written whole or not at all."""
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, new = mkstemp(dir=file.parent, prefix=".new-")
        with os.fdopen(handle, "w") as out:
            out.write(self.json)
        Path(new).chmod(0o644)
        Path(new).rename(file)


def load(folder: Path) -> Lock | None:
    """A lock kept beside an earlier build; None when there is none that can be read."""
    return load_file(folder / FILE)


def load_file(path: Path) -> Lock | None:
    """The lock in this file; None when there is none that can be read."""
    try:
        kept = json.loads(path.read_text())
        return Lock(**{**kept, "wheels": tuple(Wheel(**wheel) for wheel in kept["wheels"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def tags(python: str, platforms: Iterable[str]) -> dict[Tag, int]:
    """Wheel tags this Python takes, the best first: tag → rank. python: such as 3.11."""
    version = tuple(int(part) for part in python.split(".")[:2])
    names = list(platforms)
    interpreter = f"cp{version[0]}{version[1]}"
    best = [*cpython_tags(version, platforms=names), *compatible_tags(version, interpreter, names)]
    return {tag: rank for rank, tag in enumerate(best)}


def read_pylock(text: str, *, inputs: str, python: str, ranks: Mapping[Tag, int], folder: Path) -> Lock:
    """uv's pylock.toml, with the one wheel of each package that fits best. folder: relative paths begin there.

    Raises: LookupError with the name and version of a package that has no wheel.
    """
    packages: list[dict[str, Any]] = tomllib.loads(text).get("packages", [])
    wheels = [_best(package, ranks, folder) for package in packages]
    return Lock(inputs=inputs, python=python, wheels=tuple(sorted(wheels, key=lambda w: w.name)))


def _best(package: Mapping[str, Any], ranks: Mapping[Tag, int], folder: Path) -> Wheel:
    found: list[tuple[int, Wheel]] = []
    for offer in [*package.get("wheels", ()), *([package["archive"]] if "archive" in package else [])]:
        url = offer.get("url") or (folder / offer["path"]).resolve().as_uri()
        file = offer.get("name") or unquote(urlsplit(url).path.rpartition("/")[2])
        try:
            _, version, _, supported = parse_wheel_filename(file)
        except InvalidWheelFilename:
            continue
        rank = min((ranks[tag] for tag in supported if tag in ranks), default=None)
        if rank is not None:
            digest = offer.get("hashes", {}).get("sha256", "")
            told = package.get("version", str(version))
            wheel = Wheel(name=package["name"], version=told, file=file, sha256=digest, url=url)
            found.append((rank, wheel))
    if not found:
        raise LookupError(f"{package['name']}=={package.get('version', '?')}")
    return min(found, key=lambda pair: pair[0])[1]


def difference(before: Lock, after: Lock) -> tuple[str, ...]:
    """What a new resolution changes, a line each: `gradio 6.30.0 → 6.31.0`."""
    old = {w.name: f"{w.version} (from {w.source})" if w.source else w.version for w in before.wheels}
    new = {w.name: f"{w.version} (from {w.source})" if w.source else w.version for w in after.wheels}
    told = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was != now:
            told.append(f"{name} {was or 'new'} → {now}" if now else f"{name} {was} → gone")
    return tuple(told)
