"""A checked-out revision → an artifact."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from platform import machine
from typing import Final

from builder import environment, packages, preload, python
from builder import lock as locks
from builder.artifact import Artifact, ArtifactKind
from builder.environment import Environments
from builder.faults import BuildFailed, ConfigError, NoAppFile, NoWheel, Unbuilt, of_disk
from builder.frontmatter import FILE
from builder.guard import Guard
from builder.lock import Lock
from builder.progress import count, say, step
from builder.python import Python
from builder.recipe import STREAMLIT_PORT, Recipe, Sdk, read_recipe
from builder.requirements import Wanted, gather
from builder.resolve import Resolver
from builder.result import End, Result
from builder.sources import Sources
from builder.tree import Tree
from builder.uv import Uv
from builder.way import way
from builder.wheels import Wheelhouse
from builder.workshop import Workshop

SOURCES: Final = "sources"  # below `out`: what is built from source
BORROWED: Final = "versions are those of other Spaces that ask for the same; rebuild to look for newer ones."
WITHOUT: Final = f"{Sdk.GRADIO.value}, {Sdk.STATIC.value}, {Sdk.STREAMLIT.value}"  # SDKs that need no containers
LAUNCHER: Final = "/launch.py"  # the platform's own, bound into every sandbox
STREAMLIT: Final = (
    *("/env/bin/python", "-m", "streamlit", "run", "--server.address=0.0.0.0", f"--server.port={STREAMLIT_PORT}"),
    *("--server.headless=true", "--server.enableXsrfProtection=false", "--server.enableCORS=false"),
    "--browser.gatherUsageStats=false",
)


@dataclass(frozen=True, kw_only=True)
class Build:
    """One build. All folders are absolute; those of the store are shared by all builds.

    code: the checkout. out: this build's own folder. revision: names the code.
    previous: folders of earlier builds of this Space, the newest first; their locks are kept to.
    afresh: a person asked for a new resolution. search: PATH for other Pythons. hub: where preload_from_hub asks.
    locks: the newest lock of each set of inputs. own: what is this Space's alone, `wheels` and `envs`: made of sources.
    containers: Spaces run in containers, so that a Dockerfile can be built.
    """

    code: Path
    out: Path
    envs: Path
    cache: Path
    wheels: Path
    bases: Path
    locks: Path
    own: Path
    revision: str
    previous: tuple[Path, ...] = ()
    afresh: bool = False
    accelerator: str = "cpu"
    sources: Sources = field(default_factory=Sources)
    search: str = ""
    hub: str = ""
    containers: bool = False

    @cached_property
    def tree(self) -> Tree:
        """The code."""
        return Tree(self.code)

    @cached_property
    def recipe(self) -> Recipe:
        """Raises: ConfigError, NoAppFile."""
        recipe = read_recipe(self.tree.read(FILE), self.tree.files())
        if recipe.sdk is Sdk.DOCKER and not self.containers:
            then = f"Its operator can start it with --engine docker; allowed until then: {WITHOUT}."
            found = "sdk is docker, and this platform runs Spaces without containers"
            raise ConfigError(file=FILE, line=recipe.sdk_line, found=found, then=then)
        return recipe

    @cached_property
    def python(self) -> Python:
        """Raises: ConfigError."""
        return python.choose(self.recipe, self.search)

    @cached_property
    def wanted(self) -> Wanted:
        """Raises: BuildFailed."""
        return gather(self.recipe, self.tree.read, self.tree.fingerprint, self.tree.contents)

    @cached_property
    def debian(self) -> packages.Wanted:
        """Raises: BuildFailed."""
        return packages.parse(self.tree.read(packages.FILE) or "")

    @property
    def uv(self) -> Uv:
        """With the shared cache."""
        return Uv(cache=self.cache, ca=self.sources.ca, proxy=self.sources.proxy)

    @property
    def house(self) -> Wheelhouse:
        """All wheels."""
        return Wheelhouse(folder=self.wheels, own=self.own / "wheels", sources=self.sources)

    def environments(self, lock: Lock) -> Environments:
        """Those beside which this lock's stands: everybody's, or this Space's alone."""
        folder = self.own / "envs" if lock.is_private else self.envs
        return Environments(folder=folder, uv=self.uv, house=self.house)

    @property
    def inputs(self) -> str:
        """Of a resolution."""
        return self.wanted.digest(python=self.python.minor, accelerator=self.accelerator)

    @property
    def shared(self) -> Path:
        """The lock of whoever asked last for the same, of the same indexes."""
        places = (self.sources.index, self.sources.extra, self.sources.links)
        return self.locks / f"{sha256(repr((self.inputs, machine(), places)).encode()).hexdigest()}.json"

    @cached_property
    def _own_lock(self) -> Lock | None:
        own = (locks.load(folder) for folder in (self.out, *self.previous))
        return next((lock for lock in own if lock is not None and lock.inputs == self.inputs), None)

    @cached_property
    def _borrowed(self) -> Lock | None:
        lock = locks.load_file(self.shared)
        return lock if lock is not None and lock.inputs == self.inputs else None

    @property
    def is_borrowing(self) -> bool:
        """What is kept to was settled for another Space."""
        return not self.afresh and self._own_lock is None and self._borrowed is not None

    def kept(self) -> Lock | None:
        """The lock of an earlier build whose requirements were the same; nothing newer is looked for.

        Where this Space has none, that of another: it builds while the index is away, and costs no second environment.
        """
        if self.afresh:
            return None
        return self._own_lock or self._borrowed


def at_once(build: Build) -> Artifact | None:
    """The artifact, when everything it needs stands there already: a push that changes code only. Starts nothing.

    Raises: ConfigError, NoAppFile, BuildFailed: faults that can be seen without building.
    """
    if build.recipe.sdk is Sdk.STATIC:
        return None if build.recipe.build_command else static(build, build.code)
    if build.recipe.sdk is Sdk.DOCKER:
        return None
    lock = build.kept()
    if lock is None or any(not wheel.sha256 for wheel in lock.wheels):
        return None
    env = build.environments(lock).path(environment.key(lock, build.python, build.accelerator))
    base = packages.path(build.bases, build.debian)
    hub = preload.found(build.bases, build.recipe.preload, build.previous)
    if not env.is_dir() or (base and not base.is_dir()) or (build.recipe.preload and hub is None):
        return None
    lock.save(build.out)
    preload.keep(build.out, build.recipe.preload, hub)
    return _app(build, env, base, hub)


def notes(build: Build) -> tuple[str, ...]:
    """What works, but not as its author may think. Raises as at_once()."""
    if build.recipe.sdk in (Sdk.STATIC, Sdk.DOCKER):
        return build.recipe.warnings
    borrowed = (BORROWED,) if build.is_borrowing else ()
    return (*build.recipe.warnings, *build.wanted.warnings, *borrowed)


def whole(build: Build) -> Artifact:
    """Everything. Raises: ConfigError, NoAppFile, BuildFailed; Unbuilt, call it again when the sources are built."""
    if build.recipe.build_command:
        raise BuildFailed("app_build_command runs as a job of its own.")
    if not (build.out / SOURCES).exists():  # else it has begun
        for note in notes(build):
            say(f"Note: {note}")
    ready = at_once(build)
    if ready is not None:
        say("Nothing to install: the environment stands.")
        return ready
    with Guard(way(build.sources, build.hub, os.environ)) as guard:
        try:
            guard.look(build.wanted.addresses)
            return _made(replace(build, sources=replace(build.sources, proxy=guard.url)))
        except BuildFailed as failed:
            raise guard.told(of_disk(failed), build.wanted.addresses) from None


def _made(build: Build) -> Artifact:
    base = packages.install(build.bases, build.cache / "apt", build.debian)
    lock, env = _settled(build)
    hub = preload.found(build.bases, build.recipe.preload, build.previous)
    hub = hub or preload.fetch(build.bases, build.recipe.preload, build.hub, build.sources)
    preload.keep(build.out, build.recipe.preload, hub)
    lock.save(build.out)
    if not lock.is_private and (build.afresh or not build.shared.exists()):
        lock.share(build.shared)
    return _app(build, env, base, hub)


def _settled(build: Build) -> tuple[Lock, Path]:
    """What is installed, and where. The lock is kept by the caller once all else has come about."""
    lock = build.kept()
    try:
        lock = _resolved(build) if lock is None else lock
        lock = build.house.fill(lock)
        name = environment.key(lock, build.python, build.accelerator)
        return lock, build.environments(lock).make(name, lock, build.python)
    except BuildFailed:
        if build.afresh and _before(build) is not None:
            say("The new resolution is undone: the next push gets the versions of the last build that worked.")
        raise


def _before(build: Build) -> Lock | None:
    return next((old for old in map(locks.load, build.previous) if old is not None), None)


def _resolved(build: Build) -> Lock:
    work = build.out / "resolve"
    work.mkdir(exist_ok=True)
    resolver = Resolver(
        uv=build.uv,
        house=build.house,
        python=build.python,
        accelerator=build.accelerator,
        code=build.code,
        work=work,
    )
    workshop = Workshop(folder=build.out / SOURCES, code=build.code, house=build.house, resolver=resolver)
    built = workshop.built(build.wanted.origins)
    try:
        with step(f"Resolving requirements for Python {build.python.version}") as result:
            lock = resolver.resolve(build.wanted, built)
            result.append(count(len(lock.wheels), "package"))
    except NoWheel as lacking:
        workshop.built((workshop.source_of(lacking, build.wanted, built),))
        raise
    before = _before(build)
    if before is not None:
        for line in locks.difference(before, lock) or ("nothing",):
            say(f"  changes: {line}")
    return lock


def _app(build: Build, env: Path, base: Path | None, hub: Path | None) -> Artifact:
    recipe = build.recipe
    started = ("/env/bin/python", LAUNCHER, recipe.app_file)
    return Artifact(
        kind=ArtifactKind.ENVIRONMENT,
        digest=_digest(build, str(env), str(base or ""), str(hub or ""), *recipe.headers),
        location=str(env),
        code=str(build.code),
        base=str(base or ""),
        hub=str(hub or ""),
        command=(*STREAMLIT, recipe.app_file) if recipe.sdk is Sdk.STREAMLIT else started,
        port=recipe.port,
        headers=recipe.headers,
        frameable=recipe.frameable,
        start_deadline=recipe.start_deadline,
    )


def static(build: Build, folder: Path) -> Artifact:
    """Files as they are. folder: what is served."""
    return Artifact(
        kind=ArtifactKind.STATIC,
        digest=_digest(build, build.recipe.build_command, *build.recipe.headers),
        location=str(folder),
        code=str(build.code),
        command=(),
        port=build.recipe.port,
        index=build.recipe.app_file,
        headers=build.recipe.headers,
        frameable=build.recipe.frameable,
    )


def containing(build: Build, image: str, writable: tuple[str, ...]) -> Artifact:
    """A container image, which starts as its author says. image: its id; writable: see Artifact."""
    recipe = build.recipe
    return Artifact(
        kind=ArtifactKind.IMAGE,
        digest=_digest(build, image, *writable, *recipe.headers),
        location=image,
        writable=writable,
        command=(),
        port=recipe.port,
        headers=recipe.headers,
        frameable=recipe.frameable,
        start_deadline=recipe.start_deadline,
    )


def _digest(build: Build, *parts: object) -> str:
    """Equal digests run equally: the code by its revision, everything else by what it is made of."""
    recipe = build.recipe
    told = (build.revision, recipe.sdk.value, recipe.app_file, recipe.port, recipe.frameable, *parts)
    return sha256(repr(told).encode()).hexdigest()


def ended(attempt: Callable[[], Artifact | None]) -> Result | None:
    """Its outcome as a value; None when there is no artifact yet."""
    try:
        artifact = attempt()
    except ConfigError as error:
        return Result(end=End.INVALID, why=str(error), file=error.file, line=error.line)
    except NoAppFile as error:
        return Result(end=End.NO_APP, why=str(error))
    except Unbuilt as error:
        return Result(end=End.UNBUILT, sources=error.keys)
    except BuildFailed as error:
        return Result(end=End.FAILED, why=error.why, file=error.file, line=error.line)
    return Result(end=End.DONE, artifact=artifact) if artifact is not None else None
