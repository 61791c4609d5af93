"""What the node is asked to run for a build."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import builder
from builder import packages
from builder.artifact import Artifact
from builder.build import SOURCES, Build, static
from builder.result import End, Result
from builder.workshop import confined
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.ports.engine import Job, JobEnd
from spaces_runtime.domain.settings import BuildSettings

PATH = "/usr/local/bin:/usr/bin:/bin"
DEBIAN = ("/etc/apt", "/var/lib/dpkg/status")  # where packages come from, and what the machine has already
SITE = "site"
# The build's own folder is its home; what it makes is for the gateways to read and for the scheduler to delete.
# However its files were made: what is another's stays as it was given to it.
COMMAND = 'umask 002; cd "$0" && /bin/sh -c "$1"; s=$?; chmod -R ug+rwX,o+rX "$0" 2>/dev/null; exit $s'


def build_job(build: Build, settings: BuildSettings, *, network: Mapping[str, str], log: str, name: str) -> Job:
    """`python -m builder`, which runs no code of any package."""
    named = [("--code", build.code), ("--out", build.out), ("--envs", build.envs), ("--cache", build.cache)]
    named += [("--wheels", build.wheels), ("--bases", build.bases), ("--locks", build.locks), ("--own", build.own)]
    named += [("--previous", folder) for folder in build.previous]
    told = [part for flag, folder in named for part in (flag, str(folder))]
    told += ["--revision", build.revision, "--accelerator", build.accelerator]
    told += [*build.sources.arguments(), *(["--afresh"] if build.afresh else []), "--hub", build.hub]
    # the prefix of the Python that was chosen comes first on PATH, so that the job chooses the same
    python = Path(build.python.prefix) / "bin"
    programs = {sys.prefix, sys.base_prefix, build.python.prefix, str(Path(builder.__file__).parent)}
    debian = tuple(path for path in DEBIAN if build.debian.names and Path(path).exists())
    return Job(
        id=name,
        argv=(sys.executable, "-I", "-m", "builder", *told),
        env={**network, "PATH": f"{python}:{PATH}", "LANG": "C.UTF-8"},
        reads=(*sorted(programs), *build.sources.folders(), *debian, str(build.code), *map(str, build.previous)),
        writes=(str(build.out), os.path.commonpath((build.envs, build.cache, build.wheels, build.bases, build.own))),
        memory=settings.memory,
        cpus=settings.cpus,
        seconds=settings.seconds,
        log=log,
        network=True,
        disk=settings.disk,
    )


def source_job(build: Build, source: str, settings: BuildSettings, *, log: str, name: str) -> Job:
    """`python -m builder.from_source`: a package's own code. It sees its source and tools, and writes one folder.

    It has no network, and the author's Debian packages. Raises: BuildFailed.
    """
    folder = build.out / SOURCES / source
    told, at = confined(folder, build.code)
    python = build.python
    programs = {sys.prefix, sys.base_prefix, python.prefix, str(Path(builder.__file__).parent)}
    path = f"{Path(python.prefix) / 'bin'}:{PATH}"
    return Job(
        id=f"{name}-{source[:8]}",
        argv=(sys.executable, "-I", "-m", "builder.from_source", *told, "--python", python.path, "--path", path),
        env={"PATH": PATH, "LANG": "C.UTF-8"},
        reads=(*sorted(programs), str(at), str(folder / "tools")),
        writes=(str(folder / "work"),),
        scratch=str(folder / "work"),
        base=str(packages.path(build.bases, build.debian) or ""),
        memory=settings.memory,
        cpus=settings.cpus,
        seconds=settings.seconds,
        log=log,
        disk=settings.disk,
    )


def later_job(artifact: Artifact, layout: Layout, settings: BuildSettings, *, log: str, name: str) -> Job:
    """`python -m builder.later`: what an environment lacks when apps already run from it."""
    env = Path(artifact.location)
    python = (env / "bin" / "python").resolve().parent.parent
    programs = {sys.prefix, sys.base_prefix, str(python), str(Path(builder.__file__).parent)}
    app = Path(artifact.code) / artifact.command[-1]
    told = ["--env", str(env), "--cache", str(layout.cache), "--app", str(app)]
    processes = str(max(1, round(settings.cpus)))
    return Job(
        id=name,
        argv=(sys.executable, "-I", "-m", "builder.later", *told, "--processes", processes),
        env={"PATH": PATH, "LANG": "C.UTF-8"},
        reads=(*sorted(programs), artifact.code),
        writes=(str(layout.store),),
        memory=settings.memory,
        cpus=settings.cpus,
        seconds=settings.seconds,
        log=log,
        background=True,
        disk=settings.disk,
    )


def site_job(build: Build, settings: BuildSettings, *, log: str, name: str) -> Job:
    """The author's own command: it sees a copy of its code, nothing of what Spaces share, and has no network."""
    folder = build.out / SITE
    shutil.copytree(build.code, folder, symlinks=True)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o2070 if path.is_dir() else 0o060))
    return Job(
        id=name,
        argv=("/bin/sh", "-c", COMMAND, str(folder), build.recipe.build_command),
        env={"PATH": PATH, "LANG": "C.UTF-8", "HOME": str(folder)},
        writes=(str(folder),),
        scratch=str(folder),
        memory=settings.memory,
        cpus=settings.cpus,
        seconds=settings.seconds,
        log=log,
        disk=settings.disk,
    )


def finish_site(build: Build, end: JobEnd, settings: BuildSettings) -> Result:
    """What the author's command left."""
    if end.status != 0:
        return Result(end=End.FAILED, why=f"app_build_command failed: {cause(end, settings)}")
    if not (build.out / SITE / build.recipe.app_file).is_file():
        return Result(end=End.FAILED, why=f"app_build_command ran and made no {build.recipe.app_file}, the app_file.")
    return Result(end=End.DONE, artifact=static(build, build.out / SITE))


def cause(end: JobEnd, settings: BuildSettings) -> str:
    """Why a job ended without an outcome, as its author may read it."""
    if end.why:
        room = f"{settings.memory / 2**30:g} GiB of memory, {settings.disk / 2**30:g} GiB of disk"
        limits = f"{room} and {settings.seconds / 60:g} minutes"
        then = "Ask for less, or have the operator raise the limit under [build] in spaces.toml."
        return f"The build was ended: {end.why}. It may use {limits}. {then}"
    if end.status < 0:
        return f"The build was ended by signal {-end.status}. Push or rebuild to try again."
    return f"The build ended with status {end.status} and left no outcome. Its log has the rest."
