"""What the node is asked to make where Spaces run in containers: images of Dockerfiles, and bases with packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from builder.artifact import Artifact
from builder.build import Build, containing
from builder.result import End, Result
from spaces_runtime.domain.ids import BuildKey, SpaceId
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.ports.engine import ImageEnd, ImageJob, JobEnd
from spaces_runtime.domain.settings import BuildSettings
from spaces_runtime.domain.space import Space
from spaces_runtime.scheduler.build_job import cause


def name_of(key: BuildKey) -> str:
    """Of a build among those of its Space."""
    return f"{key.revision}-{key.rebuild}"


def dockerfile_job(
    build: Build, space: Space, key: BuildKey, settings: BuildSettings, *, secrets: Mapping[str, str], log: Path
) -> ImageJob:
    """The author's own Dockerfile. It gets the variables and secrets that the Space has now."""
    return ImageJob(
        id=f"{space.id}-{key.revision[:12]}-{key.rebuild}",
        space=space.id,
        build=name_of(key),
        code=str(build.code),
        made=str(build.out),
        variables=space.setup.variables,
        secrets=dict(secrets),
        afresh=build.afresh,
        memory=settings.memory,
        cpus=settings.cpus,
        seconds=settings.seconds,
        disk=settings.disk,
        log=str(log),
        hosts=settings.hosts,
    )


def base_job(build: Build, space: Space, key: BuildKey, settings: BuildSettings, *, log: Path) -> ImageJob:
    """The base of every Space with the same packages.txt: it belongs to no Space alone."""
    return ImageJob(
        id=f"{space.id}-{key.revision[:12]}-{key.rebuild}-base",
        space=space.id,
        build=name_of(key),
        code=str(build.code),
        made=str(build.out),
        base=True,
        memory=settings.memory,
        cpus=settings.cpus,
        seconds=settings.seconds,
        disk=settings.disk,
        log=str(log),
    )


def published_job(
    artifact: Artifact, layout: Layout, space: SpaceId, key: BuildKey, settings: BuildSettings, *, log: Path
) -> ImageJob:
    """What is built and serves already, for the registry."""
    folder = layout.builds / space / name_of(key)
    return ImageJob(
        id=f"{space}-{key.revision[:12]}-{key.rebuild}-push",
        space=space,
        build=name_of(key),
        code=str(folder / "code"),
        made=str(folder / "made"),
        artifact=artifact,
        memory=settings.memory,
        cpus=settings.cpus,
        seconds=settings.seconds,
        disk=settings.disk,
        log=str(log),
    )


def finish_image(build: Build, end: ImageEnd, settings: BuildSettings) -> Result:
    """What became of a Dockerfile."""
    if failed := failure(end, settings):
        return failed
    return Result(end=End.DONE, artifact=containing(build, end.image, end.writable))


def failure(end: ImageEnd, settings: BuildSettings) -> Result | None:
    """Why there is no image; None: there is one."""
    if end.fault:
        return Result(end=End.FAILED, why=end.fault, file=end.file, line=end.line)
    if end.image:
        return None
    return Result(end=End.FAILED, why=cause(JobEnd(status=end.status, why=end.why), settings))
