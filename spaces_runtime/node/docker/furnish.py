"""What a container is given: its own disk, the Space's volumes, and what it sees of this machine. Blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from builder.artifact import ArtifactKind
from spaces_runtime.domain.instance import StartSpec
from spaces_runtime.node import disk
from spaces_runtime.node.docker.recipe import Shape, outermost
from spaces_runtime.node.docker.seccomp import profile
from spaces_runtime.node.environment import HOME, environment, image_environment
from spaces_runtime.node.inside import launch
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.prepare import (
    LAUNCH,
    PRELOADED,
    found,
    interpreters,
    mounted,
    own_disk,
    own_path,
    places,
    users,
    volume,
)

NOT_COPIED: Final = ("/", "/tmp", "/dev", "/proc", "/sys", "/data", "/run/secrets")  # noqa: S108 places inside, not here

CLOSED: Final = ("/root",)  # as every distribution has it; a Python of root's own lies there


def furnish(
    machine: Machine,
    spec: StartSpec,
    folder: Path,
    user: int,
    *,
    image: str,
    volumes: tuple[str, ...],
    network: str,
    resolvers: tuple[str, ...] = (),
    labels: Mapping[str, str],
    cdi: bool,
) -> Shape:
    """Everything but the container. volumes: folders that the image itself calls volumes. cdi: see Shape.

    Raises: OSError.
    """
    found(machine, spec)
    own = spec.artifact.kind is ArtifactKind.IMAGE
    data = volume(machine, spec) if own else places(machine, spec, folder, user)
    if data.stat().st_uid != user:
        data.chmod(0o700)
        disk.give(data, user)
    mounts = mounted(machine, spec, folder, user)
    shown = _uppermost((data, "/data", False), *(() if own else _environment(spec, folder, user)), *mounts)
    writable = (*(spec.artifact.writable if own else ()), *volumes)
    return Shape(
        image=image,
        user=user,
        command=spec.artifact.command,
        folder="" if own else "/app",
        env=image_environment(spec) if own else environment(spec, cores=machine.cores),
        shown=shown,
        copied=_copied(machine, spec, folder, writable, [inside for _, inside, _ in shown]),
        network=network,
        resolvers=resolvers,
        seccomp=profile(),
        run=not own,
        hardware=spec.setup.hardware,
        gpus=tuple(gpu.id for gpu in spec.gpus),
        cdi=cdi,
        labels=labels,
    )


def _uppermost(*shown: tuple[Path, str, bool]) -> tuple[tuple[Path, str, bool], ...]:
    """An engine mounts nothing twice at one place: a volume takes that of what it would hide, such as /data."""
    return tuple({inside: (outside, inside, only) for outside, inside, only in shown}.values())


def _environment(spec: StartSpec, folder: Path, user: int) -> tuple[tuple[Path, str, bool], ...]:
    """The shared environment with the Python below it, the code, a home: what a sandbox shows, too."""
    location, own = Path(spec.artifact.location), folder / "disk"
    etc = folder / "etc"
    etc.mkdir()
    users(etc, user)
    start = folder / LAUNCH[1:]  # a copy: where the node is a container itself, the engine does not see our code
    start.write_bytes(Path(launch.__file__).read_bytes())
    start.chmod(0o644)
    preloaded = ((Path(spec.artifact.hub), PRELOADED),) if spec.artifact.hub else ()
    shown = (
        *interpreters(location),
        (location, "/env"),
        *own_path(location),
        (start, LAUNCH),
        *preloaded,
        *((path, f"/etc/{path.name}") for path in sorted(etc.iterdir())),
    )
    return (
        *_opened(folder, [inside for _, inside in shown]),
        *((outside, inside, True) for outside, inside in shown),
        (own / "home", HOME, False),
        (own / "app", "/app", False),
    )


def _opened(folder: Path, inside: list[str]) -> list[tuple[Path, str, bool]]:
    """An empty folder that may be passed, in place of one that the image closes to the app and that others lie in.

    No tmpfs: it would be given the mode of what it covers. It is root's, so that only the engine makes folders in it.
    """
    made = []
    for closed in CLOSED:
        if any(path.startswith(f"{closed}/") for path in inside):
            outside = folder / "opened"
            outside.mkdir(mode=0o755)
            made.append((outside, closed, False))
    return made


def _copied(
    machine: Machine, spec: StartSpec, folder: Path, paths: Sequence[str], taken: Sequence[str]
) -> tuple[tuple[Path, str], ...]:
    """A folder of the instance's own disk for each place that the image lets it write; no disk where there is none."""
    wanted = outermost([path for path in paths if path not in (*NOT_COPIED, *taken)])
    own = folder / "disk"
    if wanted and not own.exists():
        own_disk(machine, spec, folder)
    made = tuple((own / f"copied{number}", inside) for number, inside in enumerate(wanted))
    for outside, _ in made:
        outside.mkdir()
    return made
