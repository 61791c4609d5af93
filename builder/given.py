"""Fetches a source, to be built later in a sandbox without a network. Runs nothing of it."""

from __future__ import annotations

import os
import shutil
import tarfile
import tomllib
import urllib.error
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final
from urllib.parse import urlsplit

from builder.command import run
from builder.download import copied, opened
from builder.faults import BuildFailed
from builder.origin import ARCHIVES, Kind, Origin
from builder.sources import Sources, through
from builder.tree import Tree

PATIENCE: Final = 900.0  # seconds for a clone
LARGEST: Final = 1_000_000  # bytes of a pyproject.toml
DEFAULT: Final = ("setuptools>=40.8.0",)  # PEP 518: of a package that names nothing
WHEEL: Final = "wheel"  # older setuptools ask for it while they build
_SAFE: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "https:http",  # submodules too
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_HTTP_PROXY_AUTHMETHOD": "basic",
}


def fetch(origin: Origin, folder: Path, code: Path, sources: Sources) -> str:
    """Into an empty folder; FOLDER is left where it is. What it turned out to be, for people. Raises: BuildFailed."""
    if origin.kind is Kind.GIT:
        return _clone(origin, folder / "tree", sources)
    if origin.kind is Kind.FOLDER:
        return origin.label
    ending = next((each for each in ARCHIVES if urlsplit(origin.target).path.lower().endswith(each)), ARCHIVES[0])
    archive = folder / f"source{ending}"
    if origin.kind is Kind.FILE:
        shutil.copyfile(code / origin.target, archive, follow_symlinks=False)
        return origin.label
    try:
        with archive.open("wb") as out, opened(origin.target, origin.label, sources) as content:
            digest = copied(content, out)
    except urllib.error.HTTPError as error:
        raise _failed(origin, f"its address answers {error.code}") from None
    except (OSError, EOFError) as error:
        raise _failed(origin, str(getattr(error, "reason", error))) from None
    if origin.sha256 and digest != origin.sha256:
        raise _failed(origin, "its content has another sha256 than the one that was told")
    return f"{origin.label} (sha256 {digest[:12]})"


def _failed(origin: Origin, why: str) -> BuildFailed:
    return BuildFailed(
        f"{origin.place}: the source {origin.label} cannot be fetched, {why}.", file=origin.file, line=origin.line
    )


def _clone(origin: Origin, tree: Path, sources: Sources) -> str:
    parts = urlsplit(origin.target.removeprefix("git+"))
    path, _, ref = parts.path.partition("@")
    url = parts._replace(path=path, fragment="").geturl()
    if ref.startswith("-"):
        raise _failed(origin, f"{ref} is not the name of a revision")
    env = {**_SAFE, "HOME": str(tree.parent), **({"GIT_SSL_CAINFO": sources.ca} if sources.ca else {})}
    env |= through(sources.proxy)
    # history without its files: what derives its version from tags needs no more
    clone = ["clone", "-q", "--filter=blob:none", "--recurse-submodules", url, str(tree)]
    steps = [clone]
    if ref:
        steps += [["-C", str(tree), "checkout", "-q", ref]]
        steps += [["-C", str(tree), "submodule", "-q", "update", "--init", "--recursive"]]
    for step in steps:
        _git(origin, env, step)
    commit = _git(origin, env, ["-C", str(tree), "rev-parse", "HEAD"]).strip()
    return f"{origin.label.partition('@')[0]}@{commit}"


def _git(origin: Origin, env: dict[str, str], arguments: list[str]) -> str:
    try:
        ended = run(["git", "-c", f"core.hooksPath={os.devnull}", *arguments], env=env, seconds=PATIENCE)
    except FileNotFoundError:
        raise _failed(origin, "this machine has no git") from None
    except TimeoutError as error:
        raise _failed(origin, str(error)) from None
    if ended.status != 0:
        said = [line for line in ended.err.splitlines() if line.startswith(("fatal:", "error:", "remote:"))]
        raise _failed(origin, (said or ["git gave no reason"])[-1].partition(": ")[2].rstrip("."))
    return ended.out


def needs(origin: Origin, folder: Path, code: Path) -> tuple[str, ...]:
    """What its build has to have, as its pyproject.toml says, or the default. Raises: BuildFailed."""
    try:
        told = tomllib.loads(_project(origin, folder, code))
    except (tomllib.TOMLDecodeError, tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
        text = f"{origin.place}: {origin.label} cannot be built, its pyproject.toml cannot be read: {error}."
        raise BuildFailed(text, file=origin.file, line=origin.line) from None
    system: Any = told.get("build-system")
    asked = system.get("requires") if isinstance(system, dict) else None
    found = tuple(map(str, asked)) if isinstance(asked, list) else DEFAULT
    return (*found, WHEEL) if any(need.startswith("setuptools") for need in found) else found


def _project(origin: Origin, folder: Path, code: Path) -> str:
    if origin.kind is Kind.FOLDER:
        return Tree(code / origin.target).read("pyproject.toml") or ""
    if origin.kind is Kind.GIT:
        return Tree(folder / "tree").read(str(PurePosixPath(origin.subfolder, "pyproject.toml"))) or ""
    [archive] = folder.glob("source.*")
    wanted = PurePosixPath(origin.subfolder, "pyproject.toml").parts
    for name, content in _members(archive):
        if PurePosixPath(name).parts[1:] == wanted:
            return content.read(LARGEST).decode(errors="replace")
    return ""


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Regular files, without unpacking them."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for told in packed.infolist():
                if not told.is_dir():
                    with packed.open(told) as content:
                        yield told.filename, content
        return
    with tarfile.open(archive) as packed_too:
        for member in packed_too:
            file = packed_too.extractfile(member) if member.isreg() else None
            if file is not None:
                yield member.name, file
