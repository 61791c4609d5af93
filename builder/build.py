"""A checked-out revision → an artifact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

from builder import environment, packages, preload, python
from builder import lock as locks
from builder.artifact import Artifact, ArtifactKind
from builder.environment import Environments
from builder.faults import BuildFailed, ConfigError, NoAppFile
from builder.frontmatter import FILE
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
from builder.wheels import Wheelhouse

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
    """

    code: Path
    out: Path
    envs: Path
    cache: Path
    wheels: Path
    bases: Path
    revision: str
    previous: tuple[Path, ...] = ()
    afresh: bool = False
    accelerator: str = "cpu"
    sources: Sources = field(default_factory=Sources)
    search: str = ""
    hub: str = ""

    @cached_property
    def tree(self) -> Tree:
        """The code."""
        return Tree(self.code)

    @cached_property
    def recipe(self) -> Recipe:
        """Raises: ConfigError, NoAppFile."""
        recipe = read_recipe(self.tree.read(FILE), self.tree.files())
        if recipe.sdk is Sdk.DOCKER:
            then = f"Allowed here: {Sdk.GRADIO.value}, {Sdk.STATIC.value}, {Sdk.STREAMLIT.value}."
            found = "sdk is docker, and this machine has no container engine yet"
            raise ConfigError(file=FILE, line=recipe.sdk_line, found=found, then=then)
        return recipe

    @cached_property
    def python(self) -> Python:
        """Raises: ConfigError."""
        return python.choose(self.recipe, self.search)

    @cached_property
    def wanted(self) -> Wanted:
        """Raises: BuildFailed."""
        return gather(self.recipe, self.tree.read, self.tree.fingerprint)

    @cached_property
    def debian(self) -> packages.Wanted:
        """Raises: BuildFailed."""
        return packages.parse(self.tree.read(packages.FILE) or "")

    @property
    def uv(self) -> Uv:
        """With the shared cache."""
        return Uv(cache=self.cache, ca=self.sources.ca)

    @property
    def environments(self) -> Environments:
        """All of them."""
        house = Wheelhouse(folder=self.wheels, sources=self.sources)
        return Environments(folder=self.envs, uv=self.uv, house=house)

    def kept(self) -> Lock | None:
        """The lock of an earlier build whose requirements were the same; nothing newer is looked for."""
        if self.afresh:
            return None
        inputs = self.wanted.digest(python=self.python.minor, accelerator=self.accelerator)
        found = (locks.load(folder) for folder in (self.out, *self.previous))
        return next((lock for lock in found if lock is not None and lock.inputs == inputs), None)


def at_once(build: Build) -> Artifact | None:
    """The artifact, when everything it needs stands there already: a push that changes code only. Starts nothing.

    Raises: ConfigError, NoAppFile, BuildFailed: faults that can be seen without building.
    """
    if build.recipe.sdk is Sdk.STATIC:
        return None if build.recipe.build_command else static(build, build.code)
    lock = build.kept()
    if lock is None or any(not wheel.sha256 for wheel in lock.wheels):
        return None
    env = build.environments.path(environment.key(lock, build.python, build.accelerator))
    base = packages.path(build.bases, build.debian)
    hub = preload.found(build.bases, build.recipe.preload, build.previous)
    if not env.is_dir() or (base and not base.is_dir()) or (build.recipe.preload and hub is None):
        return None
    lock.save(build.out)
    preload.keep(build.out, build.recipe.preload, hub)
    return _app(build, env, base, hub)


def notes(build: Build) -> tuple[str, ...]:
    """What works, but not as its author may think. Raises as at_once()."""
    packages_too = () if build.recipe.sdk is Sdk.STATIC else build.wanted.warnings
    return (*build.recipe.warnings, *packages_too)


def whole(build: Build) -> Artifact:
    """Everything. Raises: ConfigError, NoAppFile, BuildFailed."""
    if build.recipe.build_command:
        raise BuildFailed("app_build_command runs as a job of its own.")
    for note in notes(build):
        say(f"Note: {note}")
    ready = at_once(build)
    if ready is not None:
        say("Nothing to install: the environment stands.")
        return ready
    base = packages.install(build.bases, build.cache / "apt", build.debian)
    lock = _locked(build)
    env = build.environments.make(environment.key(lock, build.python, build.accelerator), lock, build.python)
    hub = preload.found(build.bases, build.recipe.preload, build.previous)
    hub = hub or preload.fetch(build.bases, build.recipe.preload, build.hub)
    preload.keep(build.out, build.recipe.preload, hub)
    return _app(build, env, base, hub)


def _locked(build: Build) -> Lock:
    lock = build.kept()
    if lock is None:
        lock = _resolved(build)
    lock = build.environments.house.fill(lock)
    lock.save(build.out)
    return lock


def _resolved(build: Build) -> Lock:
    work = build.out / "resolve"
    work.mkdir(exist_ok=True)
    resolver = Resolver(
        uv=build.uv,
        sources=build.sources,
        python=build.python,
        accelerator=build.accelerator,
        code=build.code,
        work=work,
    )
    with step(f"Resolving requirements for Python {build.python.version}") as result:
        lock = resolver.resolve(build.wanted)
        result.append(count(len(lock.wheels), "package"))
    before = next((old for old in map(locks.load, build.previous) if old is not None), None)
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
    except BuildFailed as error:
        return Result(end=End.FAILED, why=error.why, file=error.file, line=error.line)
    return Result(end=End.DONE, artifact=artifact) if artifact is not None else None
