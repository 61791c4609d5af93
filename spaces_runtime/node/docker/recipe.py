"""From what is to run to the engine's call that makes its container (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RevisionId, SpaceId
from spaces_runtime.node.cgroups import PERIOD
from spaces_runtime.node.record import Record

Json = dict[str, Any]
PLATFORM: Final = "spaces.platform"  # label: the key of the platform whose container it is
HOSTNAME: Final = "space"
PROCESSES: Final = 1024  # threads included, as in sandboxes
FILES: Final = 4096  # open at once
RUN_SIZE: Final = 2**20  # bytes of /run
LOG: Final = {"Type": "local", "Config": {"max-size": "10m", "max-file": "2"}}  # until the node has read it


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One container. image: reference or id. user: numeric. command: empty: the image's own.

    folder: where it starts; empty: the image's own. env: secrets among it.
    shown: (path outside, path inside, whether read-only). copied: folders of the instance's own disk that the engine
    fills with what the image has at that path.
    network: the engine's name of it. seccomp: a profile as JSON; empty: the engine's own.
    run: it has a /run to write to, of root's.
    resolvers: name servers, as the rules of its network know them; none: the engine's own choice.
    gpus: ids of devices; cdi: the engine is asked for them by the container device interface.
    """

    image: str
    user: int
    command: tuple[str, ...]
    folder: str
    env: Mapping[str, str] = field(repr=False)
    shown: tuple[tuple[Path, str, bool], ...]
    copied: tuple[tuple[Path, str], ...]
    network: str
    seccomp: str
    run: bool
    hardware: Hardware
    resolvers: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    cdi: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


def name_of(key: str, instance: InstanceId) -> str:
    """Of a container. key: the platform's, so that two on one machine do not meet."""
    return f"spaces-{key}-{instance}"


def labels_of(key: str, record: Record) -> dict[str, str]:
    """By these a container is found again, and told from those of others."""
    return {
        PLATFORM: key,
        "spaces.instance": record.id,
        "spaces.space": record.space,
        "spaces.revision": record.build.revision,
        "spaces.rebuild": str(record.build.rebuild),
        "spaces.spec": record.spec,
        "spaces.user": str(record.user),
        "spaces.memory": str(record.memory),
        "spaces.port": str(record.port),
        "spaces.relayed": str(record.relayed),
        "spaces.hardware": record.hardware,
        "spaces.gpus": ",".join(record.gpus),
    }


def record_of(labels: Mapping[str, str], *, boot: str, started: float) -> Record:
    """The way back. Raises: KeyError, ValueError: these are not our labels."""
    return Record(
        id=InstanceId(labels["spaces.instance"]),
        space=SpaceId(labels["spaces.space"]),
        build=BuildKey(RevisionId(labels["spaces.revision"]), int(labels["spaces.rebuild"])),
        spec=Digest(labels["spaces.spec"]),
        user=int(labels["spaces.user"]),
        memory=int(labels["spaces.memory"]),
        port=int(labels["spaces.port"]),
        relayed=int(labels["spaces.relayed"]),
        boot=boot,
        hardware=labels["spaces.hardware"],
        gpus=tuple(filter(None, labels["spaces.gpus"].split(","))),
        started=started,
    )


def create(shape: Shape) -> Json:
    """The body of POST /containers/create, for API 1.41 and later."""
    call: Json = {
        "Image": shape.image,
        "User": f"{shape.user}:{shape.user}",
        "Env": [f"{name}={value}" for name, value in shape.env.items()],
        "Labels": dict(shape.labels),
        "Hostname": HOSTNAME,
        "Healthcheck": {"Test": ["NONE"]},  # the node asks the app itself; the image's own would run for nothing
        "HostConfig": _host(shape),
    }
    if shape.command:
        call |= {"Entrypoint": [shape.command[0]], "Cmd": list(shape.command[1:])}
    if shape.folder:
        call["WorkingDir"] = shape.folder
    return call


def _host(shape: Shape) -> Json:
    hardware = shape.hardware
    half = max(hardware.memory // 2, 2**20)
    tmpfs = {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={half}"}  # noqa: S108 the container's own
    if shape.run:
        tmpfs["/run"] = f"rw,noexec,nosuid,nodev,mode=755,size={RUN_SIZE}"
    limits = {"core": 0, "nofile": FILES, "fsize": hardware.disk}
    return {
        "NetworkMode": shape.network,
        "Dns": list(shape.resolvers),
        "ExtraHosts": [f"{HOSTNAME}:127.0.0.1"],  # http.server looks its own name up, and waits where no DNS answers
        "Init": True,  # else Python is PID 1, takes no SIGTERM, and every stop takes its whole grace
        "RestartPolicy": {"Name": "no"},  # when to start again is the scheduler's to say
        "LogConfig": LOG,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true", *([f"seccomp={shape.seccomp}"] if shape.seccomp else [])],
        "Privileged": False,
        "ReadonlyRootfs": True,
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "Tmpfs": tmpfs,
        "ShmSize": half,
        "Mounts": mounts(shape),
        "PidsLimit": PROCESSES,
        "Memory": hardware.memory,
        "MemorySwap": hardware.memory,  # of both together: no swap
        "CpuPeriod": PERIOD,  # not NanoCpus: an engine refuses more of these than the machine has cores
        "CpuQuota": int(hardware.cpus * PERIOD),
        "CpuShares": max(2, int(1024 * hardware.cpus)),
        "OomScoreAdj": 500,
        "Ulimits": [{"Name": name, "Soft": most, "Hard": most} for name, most in limits.items()],
        "DeviceRequests": devices(shape),
    }


def mounts(shape: Shape) -> list[Json]:
    """What lies above comes first, so that nothing hides what is mounted into it."""
    shown = [_bind(outside, inside, only) for outside, inside, only in shape.shown]
    copied = [_volume(outside, inside) for outside, inside in shape.copied]
    return sorted((*copied, *shown), key=lambda mount: str(mount["Target"]).count("/"))


def _bind(outside: Path, inside: str, only: bool) -> Json:
    return {"Type": "bind", "Source": str(outside), "Target": inside, "ReadOnly": only}


def _volume(outside: Path, inside: str) -> Json:
    """No name: it goes with its container. The engine copies what the image has there; a plain bind would hide it."""
    options = {"type": "none", "o": "bind", "device": str(outside)}
    return {
        "Type": "volume",
        "Target": inside,
        "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": options}},
    }


def devices(shape: Shape) -> list[Json]:
    """The call for GPUs: these devices and no others."""
    if not shape.gpus:
        return []
    if shape.cdi:
        return [{"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={gpu}" for gpu in shape.gpus]}]
    return [{"Driver": "", "Count": 0, "DeviceIDs": list(shape.gpus), "Capabilities": [["gpu"]], "Options": {}}]


def outermost(paths: Sequence[str]) -> tuple[str, ...]:
    """Without those that lie in another of them."""
    kept: list[str] = []
    for path in sorted({str(PurePosixPath(path)) for path in paths}):
        if not any(PurePosixPath(path).is_relative_to(above) for above in kept):
            kept.append(path)
    return tuple(kept)
