"""Any Space's repo built without a platform; what builds share is kept in the user's cache. See command_line.py."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import builder
from builder import lock as locks
from builder import packages
from builder.artifact import Artifact
from builder.build import SOURCES, Build, static, whole
from builder.command import Ended
from builder.confined import confined
from builder.environment import only_one
from builder.faults import BuildFailed, Unbuilt
from builder.image import base as bases
from builder.image import cli, dockerfile, space
from builder.image.debian import Wish, with_packages
from builder.image.dockerfile import Order
from builder.image.engine import Engine, Image
from builder.image.registry import push
from builder.progress import say
from builder.recipe import Sdk
from builder.snapshot import snapshot
from builder.sources import Sources
from builder.wheels import remove
from builder.workshop import confined as told_of

TURNS: Final = 20  # as in the platform's queue
SITE: Final = "site"
CODE: Final = "code"
SHELL: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """repo: the folder. store: of everything that is kept. base: an image's name; empty: ours. engine: its address."""

    repo: Path
    store: Path
    sources: Sources = field(default_factory=Sources)
    base: str = ""
    engine: str = ""
    push: bool = False
    afresh: bool = False
    accelerator: str = "cpu"
    hub: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def store() -> Path:
    """Where a user's programs keep what can be made again."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "spaces-builder"


@contextmanager
def opened(wanted: Wanted) -> Iterator[Build]:
    """What git would push of the folder, in a folder of this build's own; builds of one repo wait for each other.

    Raises: BuildFailed, there is no such folder.
    """
    if not wanted.repo.is_dir():
        raise BuildFailed(f"{wanted.repo} is no folder.")
    repo, root = wanted.repo.resolve(), wanted.store.resolve()
    key = sha256(os.fsencode(repo)).hexdigest()[:20]
    out = root / "made" / key
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out / ".lock"):
        for left in (CODE, SITE, SOURCES):
            remove(out / left)
        yield Build(
            code=out / CODE,
            out=out,
            envs=root / "envs",
            cache=root / "cache",
            wheels=root / "wheels",
            bases=root / "bases",
            locks=root / "locks",
            own=root / "own" / key,
            revision=snapshot(repo, out / CODE),
            afresh=wanted.afresh,
            accelerator=wanted.accelerator,
            sources=wanted.sources,
            search=os.environ.get("PATH", ""),
            hub=wanted.hub,
            containers=True,
        )


def prepared(wanted: Wanted) -> Artifact:
    """Everything but the image. Raises: ConfigError, NoAppFile, BuildFailed."""
    with opened(wanted) as build:
        if build.recipe.sdk is Sdk.DOCKER:
            raise BuildFailed("A Space with a Dockerfile has no environment to prepare; --image builds it.")
        return _prepared(build)


def imaged(wanted: Wanted, tag: str) -> str:
    """The image's id, or with `push` its digest in the registry. Raises: ConfigError, NoAppFile, BuildFailed."""
    with opened(wanted) as build:
        make = _of_dockerfile if build.recipe.sdk is Sdk.DOCKER else _of_layers  # a wrong recipe needs no engine
        with Engine(wanted.engine) as engine:
            identity = make(wanted, build, engine, tag)
            return push(engine, identity, tag) if wanted.push else identity


def _of_layers(wanted: Wanted, build: Build, engine: Engine, tag: str) -> str:
    artifact = _prepared(build)
    lock = locks.load(build.out) if artifact.command else None
    parts = space.Sum(
        base=_base(wanted, build, engine),
        cache=build.cache,
        revision=build.revision,
        lock=lock.digest if lock else "",
        sdk=build.recipe.sdk.value,
    )
    return space.image(engine, artifact, parts, (tag,))


def _prepared(build: Build) -> Artifact:
    if build.recipe.build_command:
        return _site(build)
    for _ in range(TURNS):
        try:
            return whole(build)
        except Unbuilt as waiting:
            for source in waiting.keys:
                _from_source(build, source)
    raise BuildFailed(f"The build asked for packages from source {TURNS} times, and was ended.")


def _from_source(build: Build, source: str) -> None:
    """What it leaves, the next turn looks at; whatever it says is in the log."""
    folder = build.out / SOURCES / source
    told, at = told_of(folder, build.code)
    programs = (sys.prefix, sys.base_prefix, build.python.prefix, str(Path(builder.__file__).parent))
    path = f"{Path(build.python.prefix) / 'bin'}:{SHELL['PATH']}"
    argv = (sys.executable, "-I", "-m", "builder.from_source", *told, "--python", build.python.path, "--path", path)
    reads = (*(place for place in programs if place != "/usr"), str(at), str(folder / "tools"))
    base = packages.path(build.bases, build.debian)
    _say(confined(argv, reads=reads, writes=folder / "work", env=SHELL, base=base))


def _site(build: Build) -> Artifact:
    """A static Space with a command that makes its files."""
    folder, command = build.out / SITE, build.recipe.build_command
    shutil.copytree(build.code, folder, symlinks=True)
    say(f"Running app_build_command: {command}")
    ended = confined(("/bin/sh", "-c", command), reads=(), writes=folder, env={**SHELL, "HOME": str(folder)})
    _say(ended)
    if ended.status != 0:
        raise BuildFailed(f"app_build_command ended with status {ended.status}. The lines above say why.")
    if not (folder / build.recipe.app_file).is_file():
        raise BuildFailed(f"app_build_command ran and made no {build.recipe.app_file}, the app_file.")
    return static(build, folder)


def _base(wanted: Wanted, build: Build, engine: Engine) -> Image:
    """What the image stands on; ours is made when there is none."""
    name = wanted.base or bases.name()
    if not wanted.base and engine.image(name) is None:
        bases.make(engine, bases.ours(), (name,))
    base = bases.ready(engine, wanted.base)
    if build.recipe.sdk is Sdk.STATIC or not build.debian.names:
        return base
    found = cli.find(build.search, engine.host, str(Path.home()))
    wish = Wish(base=name, identity=base.id, wanted=build.debian, ca=wanted.sources.ca)
    return with_packages(engine, found, wish)


def _of_dockerfile(wanted: Wanted, build: Build, engine: Engine, tag: str) -> str:
    labels = {"org.opencontainers.image.revision": build.revision, "spaces.sdk": Sdk.DOCKER.value}
    order = Order(
        folder=build.code,
        port=build.recipe.port,
        variables=dict(wanted.variables),
        secrets=dict(wanted.secrets),
        labels={**labels, "spaces.builder": space.builder_version()},
        tag=tag,
        ca=wanted.sources.ca,
        afresh=wanted.afresh,
        look=False,
    )
    return dockerfile.build(order, engine, cli.find(build.search, engine.host, str(Path.home()))).image


def _say(ended: Ended) -> None:
    for line in (*ended.out.splitlines(), *ended.err.splitlines()):
        say(f"  {line}")
