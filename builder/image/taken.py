"""The images and addresses that a stranger's Dockerfile asks the engine for: looked at, fetched and pinned."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from builder.download import opened
from builder.faults import BuildFailed, sentence
from builder.guard import THEN, Guard
from builder.image.cli import Cli, follow
from builder.image.engine import Engine
from builder.image.explain import Said, fault
from builder.image.instructions import FILE
from builder.image.screen import FETCHED, Base, Fetch, adds_an_address
from builder.inside import is_inside_by_name
from builder.progress import say, size, step
from builder.requirements import Address
from builder.sources import Sources

SPACE: Final = "spaces.image.space"  # label of what a Space's own Dockerfile became
IGNORED: Final = ".dockerignore"
CHUNK: Final = 2**20
_HOST: Final = re.compile(r"(?P<host>[^/]*[.:][^/]*|localhost)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where images come from. seconds: for each. afresh: a newer one of the same name is looked for.

    registry: where Spaces' images are pushed, which is nobody's base; hosts: inside, and authors may name them.
    """

    engine: Engine
    cli: Cli
    seconds: float
    afresh: bool = False
    registry: str = ""
    hosts: tuple[str, ...] = ()

    @contextmanager
    def pinned(self, text: str, bases: Iterable[Base]) -> Iterator[dict[str, str]]:
        """Name → what to say in its place, as long as it lasts; what was pulled for it loses its name after that.

        text: of the Dockerfile. Raises: BuildFailed, EngineAway.
        """
        pins: dict[str, str] = {}
        pulled: list[str] = []
        try:
            for base in bases:
                self._permitted(base)
                known = self.engine.image(base.name)
                if known is None or (self.afresh and known.digests):
                    self._pull(text, base, needed=known is None)
                    pulled += [base.name] if known is None else []
                pins[base.name] = self._looked_at(base)
            yield pins
        finally:
            for name in pulled:
                self.engine.forget(name)

    def _permitted(self, base: Base) -> None:
        """Raises: BuildFailed, it would be taken from inside."""
        found = _HOST.match(base.name)
        if found is None:
            return
        host, known = found["host"], {*self.hosts}
        bare = re.sub(r":\d+$", "", host)
        ours = self.registry and f"{base.name}/".startswith(f"{self.registry.rstrip('/')}/")
        if ours or (is_inside_by_name(bare) and known.isdisjoint({host, bare})):
            what = (
                "the registry of this platform's own images" if ours else "an address of this machine or a private one"
            )
            raise _fault(base.line, f"{base.name} names {what}", THEN)

    def _pull(self, text: str, base: Base, *, needed: bool) -> None:
        said: list[str] = []
        argv = (self.cli.binary, "pull", "--quiet", base.name)
        with step(f"Taking {base.name}"):
            ended = follow(argv, self.cli.env, seconds=self.seconds, said=said.append)
        if ended.status == 0 and not ended.why:
            return
        if not needed:
            say(f"Note: no newer {base.name} can be had; the one that is here is used.")
            return
        why = ended.why or (said or ["no reason was given"])[-1].removeprefix("Error response from daemon: ")
        full = base.name if ":" in base.name.rpartition("/")[2] or "@" in base.name else f"{base.name}:latest"
        raise fault(Said(dockerfile=text, step=f"[internal] load metadata for {full}", why=why))

    def _looked_at(self, base: Base) -> str:
        """By its digest, when it has one: nobody puts another in its place meanwhile. Raises: BuildFailed."""
        image = self.engine.image(base.name)
        if image is None:
            raise _fault(base.line, f"{base.name} was taken away again", "Build again.")
        if SPACE in image.labels:
            raise _fault(base.line, f"{base.name} is the image of a Space", "Name an image that is made to build on.")
        if any(adds_an_address(trigger) for trigger in image.config.get("OnBuild") or ()):
            raise _fault(base.line, f"{base.name} has ONBUILD with ADD of an address", "Build on another image.")
        return image.digests[0] if image.digests else base.name


def fetched(fetches: Iterable[Fetch], context: Path, sources: Sources, guard: Guard, most: int) -> None:
    """What ADD names by address, in its place in the context. most: bytes of each. Raises: BuildFailed."""
    for fetch in fetches:
        address = Address(file=FILE, line=fetch.line, url=fetch.url)
        guard.look((address,))
        at = context / fetch.at
        at.parent.mkdir(parents=True)
        try:
            with step(f"Fetching {fetch.url}") as told:
                digest = _downloaded(fetch, at, replace(sources, proxy=guard.url), most)
                told.append(size(at.stat().st_size))
        except OSError as error:
            failed = _fault(fetch.line, f"ADD {fetch.url} cannot be fetched: {error}", "Look at the address.")
            raise guard.told(failed, (address,)) from None
        at.chmod(0o600)  # as Docker leaves it
        if fetch.sha256 and digest != fetch.sha256:
            raise _fault(fetch.line, f"{fetch.url} has the sha256 {digest}", "It is not what --checksum asks for.")


def context_with(code: Path, at: Path) -> Path:
    """A copy of the checkout that has room for more files, none of which .dockerignore keeps out."""
    shutil.copytree(code, at, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    shutil.rmtree(at / FETCHED, ignore_errors=True)
    ignored = at / IGNORED
    if ignored.is_file() and not ignored.is_symlink():
        ignored.write_text(f"{ignored.read_text(errors='replace')}\n!{FETCHED}\n")
    return at


def _downloaded(fetch: Fetch, at: Path, sources: Sources, most: int) -> str:
    digest, length = sha256(), 0
    with opened(fetch.url, fetch.url, sources) as content, at.open("wb") as out:
        while chunk := content.read(CHUNK):
            length += len(chunk)
            if most and length > most:
                raise OSError(f"it is larger than {size(most)}")
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _fault(line: int, found: str, then: str) -> BuildFailed:
    return BuildFailed(sentence(FILE, line, found, then), file=FILE, line=line)
