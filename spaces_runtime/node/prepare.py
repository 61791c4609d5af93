"""From what is to run to everything it runs in: places to write, the view, init's orders."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from builder.artifact import ArtifactKind
from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.instance import StartSpec
from spaces_runtime.domain.layout import MOUNTS, STUB
from spaces_runtime.node import disk, sandbox
from spaces_runtime.node.buckets import Place, ready
from spaces_runtime.node.cgroups import Limits
from spaces_runtime.node.environment import HOME, environment
from spaces_runtime.node.inside import init, launch
from spaces_runtime.node.machine import Machine
from spaces_runtime.node.record import EXIT
from spaces_runtime.node.spawn import Command, Orders

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PROCESSES = 1024  # threads included; torch and gradio together need a few hundred
FILES = 4096  # open at once
INIT, LAUNCH = "/init.py", "/launch.py"
PRELOADED = "/preloaded"  # what preload_from_hub fetched; the clients' cache links there
HUB_CACHE = ".cache/huggingface/hub"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What spawn() needs, and what init is told once the sandbox is written down. port: where the app will listen."""

    command: Command
    orders: Orders
    exit_file: Path
    port: int


def checked(machine: Machine) -> None:
    """A sandbox can be had. Raises: BackendUnavailable, with the command that permits sandboxes."""
    if not machine.bwrap and not machine.trusting:
        why, then = machine.refused, f"To permit it: {machine.permit}; or start with --trust-spaces."
        raise BackendUnavailable(what="start a Space", why=f"no sandbox can be made here ({why})", then=then)


def found(machine: Machine, spec: StartSpec) -> None:
    """What is to run is there, where the platform keeps it: whoever gives orders cannot show a Space other folders.

    Raises: NotADirectoryError, PermissionError.
    """
    data = machine.layout.data.resolve()
    for mount in spec.mounts:
        if not Path(mount.folder).resolve().is_relative_to(machine.layout.mounts.resolve()):
            raise PermissionError(f"{mount.folder} is no volume")
    shown = (mount.folder for mount in spec.mounts)
    own = "" if spec.artifact.kind is ArtifactKind.IMAGE else spec.artifact.location
    for folder in (own, spec.artifact.code, spec.artifact.base, spec.artifact.hub, *shown):
        if folder and not Path(folder).resolve().is_relative_to(data):
            raise PermissionError(f"{folder} is not in the data folder")
        if folder and not Path(folder).is_dir():
            raise NotADirectoryError(f"{folder} is not there any more; build it again")


def limits(spec: StartSpec) -> Limits:
    """The tier's ceilings."""
    hardware = spec.setup.hardware
    return Limits(memory=hardware.memory, cpus=hardware.cpus, processes=PROCESSES)


def places(machine: Machine, spec: StartSpec, folder: Path, user: int | None) -> Path:
    """Make what the instance may write: its own disk, and /data, which is returned. Blocks. Raises: OSError."""
    own, data = own_disk(machine, spec, folder), volume(machine, spec)
    (own / "home").mkdir(mode=0o700)
    (own / "home" / "app").symlink_to("/app")
    if spec.artifact.hub:
        shown = PRELOADED if machine.bwrap else spec.artifact.hub
        disk.link_hub(Path(spec.artifact.hub), own / "home" / HUB_CACHE, shown)
    disk.give(own / "home", user)
    disk.copy_code(Path(spec.artifact.code), own / "app", user)
    return data


def own_disk(machine: Machine, spec: StartSpec, folder: Path) -> Path:
    """The instance's own disk, empty; it goes with the instance. Blocks. Raises: OSError."""
    own = folder / "disk"
    own.mkdir(mode=0o711)
    if machine.images:
        disk.make_image(folder / "disk.img", spec.setup.hardware.disk, journal=False)
        disk.attach(folder / "disk.img", own)
    return own


def volume(machine: Machine, spec: StartSpec) -> Path:
    """The Space's /data, mounted when it is not yet. Blocks."""
    kept = machine.layout.volumes / spec.space
    kept.mkdir(parents=True, exist_ok=True)
    image, target = kept / "data.img", machine.volumes / spec.space
    if not machine.images:
        target = kept / "data"
        target.mkdir(exist_ok=True)
        return target
    if not image.exists():
        disk.make_image(image, spec.setup.hardware.disk, journal=True)
    target.mkdir(parents=True, exist_ok=True)
    if not target.is_mount():
        disk.grow(image, spec.setup.hardware.disk)
        disk.attach(image, target)
    with contextlib.suppress(OSError):
        (target / "lost+found").rmdir()
    return target


def interpreters(environment: Path) -> list[tuple[Path, str]]:
    """The folders of the Python that an environment stands on, each at its own path, links on the way included."""
    found: dict[str, Path] = {}
    link = environment / "bin" / "python"
    while link.is_symlink():
        target = link.parent / link.readlink()
        prefix = target.parent.parent
        if target.parent != environment / "bin" and not str(prefix).startswith("/usr"):
            found[str(prefix)] = prefix.resolve()
        link = target
    return [(real, shown) for shown, real in found.items()]


def prepare(machine: Machine, spec: StartSpec, folder: Path, user: int | None) -> Prepared:
    """Make everything but the processes. Blocks; 30 ms. Raises: OSError."""
    found(machine, spec)
    data = places(machine, spec, folder, user)
    if user is not None and data.stat().st_uid != user:
        data.chmod(0o700)
        disk.give(data, user)
    env = environment(spec, cores=machine.cores)
    orders = Orders(
        argv=spec.artifact.command,
        env=env,
        folder="/app",
        user=user,
        keeper=STUB if machine.root else None,
        limits={"RLIMIT_CORE": 0, "RLIMIT_NOFILE": FILES, "RLIMIT_FSIZE": spec.setup.hardware.disk},
    )
    joins = machine.group(spec.id).joins
    if not machine.bwrap:
        if spec.mounts:
            raise NotADirectoryError("its volumes need a sandbox, and none can be made here")
        return trusted(spec, folder, orders, joins)
    view = replace(_view(machine, spec, folder, data, user), mounted=mounted(machine, spec, folder, user))
    command = Command(
        joins=joins,
        bwrap=(machine.bwrap, *sandbox.arguments(view)),
        seccomp=machine.seccomp,
        init=(str(python_of(Path(spec.artifact.location))), "-I", "-S", INIT),
    )
    return Prepared(command=command, orders=orders, exit_file=folder / EXIT, port=spec.artifact.port)


def _view(machine: Machine, spec: StartSpec, folder: Path, data: Path, user: int | None) -> sandbox.View:
    """What the Space sees: its own places, its environment with the Python below it, and the two scripts of ours."""
    location, own = Path(spec.artifact.location), folder / "disk"
    scripts = ((Path(init.__file__), INIT), (Path(launch.__file__), LAUNCH))
    preloaded = ((Path(spec.artifact.hub), PRELOADED),) if spec.artifact.hub else ()
    return sandbox.View(
        root=machine.root,
        shown=(*interpreters(location), (location, "/env"), *own_path(location), *scripts, *preloaded),
        writable=((own / "home", HOME), (own / "app", "/app"), (data, "/data")),
        etc=_etc(machine, folder, user),
        memory=spec.setup.hardware.memory,
        devices=tuple(dict.fromkeys(node for gpu in spec.gpus for node in gpu.nodes)),
        base=Path(spec.artifact.base) if spec.artifact.base else None,
    )


def mounted(machine: Machine, spec: StartSpec, folder: Path, user: int | None) -> tuple[tuple[Path, str, bool], ...]:
    """The Space's volumes, ready to be shown. What is written down keeps a sweep from them."""
    names = [Path(mount.folder).relative_to(machine.layout.mounts).parts[0] for mount in spec.mounts if not mount.key]
    (folder / MOUNTS).write_text(json.dumps(names))
    size = spec.setup.hardware.disk
    return tuple(
        (ready(Place(machine=machine, space=spec.space, key=mount.key), mount, size, user), mount.inside, False)
        if mount.key
        else (Path(mount.folder), mount.inside, True)
        for mount in spec.mounts
    )


def trusted(spec: StartSpec, folder: Path, orders: Orders, joins: tuple[Path, ...]) -> Prepared:
    """Without a sandbox: the same orders with real paths, on a free port of this machine."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    location, own = spec.artifact.location, folder / "disk"
    real = {"/env": location, HOME: str(own / "home"), LAUNCH: launch.__file__, "/app": str(own / "app")}
    shown = re.compile(rf"(?:(?<=:)|^)({'|'.join(map(re.escape, real))})(?=$|/|:)")
    (own / "home" / "app").unlink()
    (own / "home" / "app").symlink_to(own / "app")

    def outside(text: str) -> str:
        return shown.sub(lambda match: real[match[1]], text)

    env = {name: outside(value) for name, value in orders.env.items()}
    env |= {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "PORT": str(port)}
    argv = tuple(outside(part) for part in orders.argv)
    orders = replace(orders, argv=argv, env=env, folder=str(own / "app"))
    command = Command(joins=joins, bwrap=(), seccomp=b"", init=(sys.executable, "-I", "-S", init.__file__))
    return Prepared(command=command, orders=orders, exit_file=folder / EXIT, port=port)


def python_of(environment: Path) -> Path:
    """The interpreter that init runs under: the one below the environment, without its packages."""
    real = (environment / "bin" / "python").resolve()
    return Path("/env/bin/python") if real.is_relative_to(environment.resolve()) else real


def own_path(location: Path) -> list[tuple[Path, str]]:
    """Scripts of an environment that is not relocatable name the place where it was made."""
    settings = location / "pyvenv.cfg"
    movable = settings.is_file() and "relocatable = true" in settings.read_text()
    return [] if movable else [(location, str(location))]


def _etc(machine: Machine, folder: Path, user: int | None) -> Path:
    """Users, groups, hosts and name servers of the sandbox."""
    number = 1000 if user is None else user
    etc = folder / "etc"
    etc.mkdir()
    users(etc, number)
    etc.joinpath("hosts").write_text("127.0.0.1 localhost space\n::1 localhost\n")
    if machine.internet:
        etc.joinpath("resolv.conf").write_text(machine.internet.resolv_conf)
    return etc


def users(etc: Path, number: int) -> None:
    """The app's user has a name and a home."""
    etc.joinpath("passwd").write_text(
        f"root:x:0:0:root:/root:/usr/sbin/nologin\nuser:x:{number}:{number}:user:{HOME}:/bin/sh\n"
    )
    etc.joinpath("group").write_text(f"root:x:0:\nuser:x:{number}:\n")


def scrub(machine: Machine, folder: Path) -> None:
    """Nothing of an instance is left on disk. Blocks; may be repeated."""
    disk.detach(folder / "disk")
    shutil.rmtree(folder, ignore_errors=True)
