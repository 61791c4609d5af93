"""What a push may bring: checked in git's quarantine, before any ref moves. Each refusal is one line people read."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.card import NO_BLOCK
from builder.frontmatter import front_matter
from builder.recipe import faults_of
from spaces_runtime.domain.errors import OverQuota
from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.paths import name_fault
from spaces_runtime.domain.pointers import SMALL, pointer
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.hub.git_process import git_environment

NONE = "0" * 40
FULL_ID = re.compile(r"[0-9a-f]{40}\Z")
MAIN = "refs/heads/main"
SHOWN = 10  # refusals; the rest is counted
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A ref that is to move. old, new: forty zeros for none."""

    old: str
    new: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """refusals: empty is allowed. notes: for a push that goes through."""

    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    large: list[str] = field(default_factory=list)
    small: dict[str, str] = field(default_factory=dict)  # blob id → path, of what may be an LFS pointer
    trees: dict[str, str] = field(default_factory=dict)  # tree id → path


def refs_refused(updates: Sequence[Update]) -> list[str]:
    """What no push may do, whatever it brings."""
    refused = []
    for update in updates:
        name = update.ref.partition("/")[2].partition("/")[2]
        if not update.ref.startswith(("refs/heads/", "refs/tags/")):
            refused.append(f"{update.ref} is not a branch or tag; only those can be pushed.")
        elif update.new != NONE and (FULL_ID.match(name) or name.startswith("refs/")):
            refused.append(f"{name} could be taken for a commit or another ref; give it another name.")
        elif update.ref == MAIN and update.new == NONE:
            refused.append("The branch main cannot be deleted.")
    return refused


async def judge(desk: Desk, repo: Repo, updates: Sequence[Update], objects: Path) -> Verdict:
    """Decide a push. objects: the quarantine, where its new objects are."""
    refusals = refs_refused(updates)
    git = _Git(desk.repos.path(repo.id), objects)
    news = [update.new for update in updates if update.new != NONE]
    if news and not refusals:
        found = await _new_blobs(git, news, desk.settings.hub.max_regular)
        refusals += [*found.large, *await _wrong_names(git, found.trees)]
        refusals += await _without_content(desk, repo, git, found.small)
        refusals += await _too_much(desk, repo, objects)
    if refusals:
        rest = len(refusals) - SHOWN
        return Verdict(refusals=(*refusals[:SHOWN], *([f"... and {rest} more."] if rest > 0 else [])))
    heads = [update.new for update in updates if update.ref == MAIN]
    if repo.kind is Kind.SPACE and heads:
        return Verdict(notes=await _settings_notes(git, heads[0]))
    return Verdict()


def size_of(objects: Path) -> int:
    """Bytes of what a push has brought so far."""
    return sum(path.stat().st_size for path in objects.rglob("*") if path.is_file())


async def _too_much(desk: Desk, repo: Repo, objects: Path) -> list[str]:
    try:
        await desk.storage.take(repo.id, await asyncio.to_thread(size_of, objects), f"push to {repo.full}")
    except OverQuota as fault:
        return [fault.said]
    return []


async def _new_blobs(git: _Git, news: Sequence[str], limit: int) -> _Found:
    found = _Found()
    async for line in git.new_objects(news):
        kind, size, oid, path = (*line.split(" ", 3), "", "")[:4]
        if kind == "tree":
            found.trees.setdefault(oid, path)
        if kind != "blob":
            continue
        path = path or oid  # a tag may name a blob that lies nowhere
        if int(size) > limit:
            found.large.append(
                f"{path} has {int(size) / MIB:.1f} MiB; files above {limit / MIB:g} MiB go through git-lfs. "
                f'Run: git lfs track "{path}" (in commits already made: git lfs migrate import --include="{path}"), '
                "then commit and push again."
            )
        elif int(size) <= SMALL:
            found.small[oid] = path
    return found


async def _wrong_names(git: _Git, trees: Mapping[str, str]) -> list[str]:
    wrong = []
    async for oid, content in git.contents(list(trees)):
        for name in names_in(content):
            if why := name_fault(name):
                inside = f" in {trees[oid]}" if trees[oid] else ""
                wrong.append(f"The name {name.decode(errors='backslashreplace')!r}{inside} {why}. Rename it.")
    return wrong


def names_in(tree: bytes) -> Iterator[bytes]:
    """The names a tree object holds: each stands between a mode with a space and NUL, and 20 bytes of an id."""
    at = 0
    while at < len(tree):
        begin, end = tree.index(b" ", at) + 1, tree.index(b"\0", at)
        yield tree[begin:end]
        at = end + 21


async def _without_content(desk: Desk, repo: Repo, git: _Git, small: Mapping[str, str]) -> list[str]:
    named: dict[Sha256, str] = {}
    async for oid, content in git.contents(list(small)):
        if lfs := pointer(content):
            named.setdefault(lfs.sha256, small[oid])
    return [
        f"{path} is an LFS pointer, and its content was not uploaded. Run: git lfs push --all origin, then push again."
        for sha256, path in named.items()
        if not await desk.blobs.holds(repo.id, sha256)
    ]


async def _settings_notes(git: _Git, head: str) -> tuple[str, ...]:
    """A push with wrong settings is taken: refusing it would keep work from being stored, and the last good revision
    serves on. Its author reads here, at once, what the Space's page says. (A commit over the API is refused: its
    clients check the card first, and show the answer.)
    """
    readme = await git.read(head, "README.md")
    if readme is None:
        return (f"README.md is missing. {NO_BLOCK}", "The Space is in CONFIG_ERROR until then.")
    faults = [str(fault) for fault in faults_of(front_matter(readme.decode(errors="replace")))]
    return (*faults[:SHOWN], *(["The Space is in CONFIG_ERROR until this is mended."] if faults else []))


class _Git:
    """Asks git about objects in the quarantine."""

    def __init__(self, repo: Path, objects: Path) -> None:
        self._repo = str(repo)
        self._env = git_environment(
            extra={
                "GIT_OBJECT_DIRECTORY": str(objects),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(repo / "objects"),
            }
        )

    async def new_objects(self, news: Sequence[str]) -> AsyncIterator[str]:
        """Type, size, id and path of every object that no ref leads to yet."""
        between, into = os.pipe()
        try:
            walk = await self._start(["rev-list", "--objects", "--stdin", "--not", "--all"], stdout=into)
        finally:
            os.close(into)
        try:
            sizes = ["cat-file", "--batch-check=%(objecttype) %(objectsize) %(objectname) %(rest)", "--buffer"]
            look = await self._start(sizes, stdin=between)
        finally:
            os.close(between)
        async for line in _fed_lines(walk, look, "".join(f"{new}\n" for new in news).encode()):
            yield line.decode(errors="replace").rstrip("\n")

    async def contents(self, blobs: Sequence[str]) -> AsyncIterator[tuple[str, bytes]]:
        """Small blobs or trees, whole."""
        if not blobs:
            return
        look = await self._start(["cat-file", "--batch", "--buffer"])
        feeding = asyncio.create_task(_write(look, "".join(f"{blob}\n" for blob in blobs).encode()))
        assert look.stdout is not None  # noqa: S101
        try:
            for blob in blobs:
                size = int((await look.stdout.readline()).split()[2])
                yield blob, (await look.stdout.readexactly(size + 1))[:-1]
        finally:
            await feeding
            await _ended(look)

    async def read(self, revision: str, path: str) -> bytes | None:
        """A file of a revision; None: there is none."""
        look = await self._start(["cat-file", "blob", f"{revision}:{path}"], stdin=asyncio.subprocess.DEVNULL)
        content, _ = await look.communicate()
        return content if look.returncode == 0 else None

    async def _start(
        self, argv: Sequence[str], *, stdin: int = asyncio.subprocess.PIPE, stdout: int = asyncio.subprocess.PIPE
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *("git", "--git-dir", self._repo, *argv),
            env=self._env,
            stdin=stdin,
            stdout=stdout,
            stderr=asyncio.subprocess.DEVNULL,
        )


async def _fed_lines(
    first: asyncio.subprocess.Process, last: asyncio.subprocess.Process, content: bytes
) -> AsyncIterator[bytes]:
    assert last.stdout is not None  # noqa: S101
    feeding = asyncio.create_task(_write(first, content))
    try:
        async for line in last.stdout:
            yield line
    finally:
        await feeding
        await _ended(first)
        await _ended(last)


async def _write(process: asyncio.subprocess.Process, content: bytes) -> None:
    assert process.stdin is not None  # noqa: S101
    try:
        process.stdin.write(content)
        await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # it ended; its status says why
    process.stdin.close()


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
    if await process.wait() != 0:
        raise OSError(f"git ended with status {process.returncode} while it looked at a push")
