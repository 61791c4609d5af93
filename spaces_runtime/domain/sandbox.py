"""What the node and its clients say to each other, as plain JSON values.

One JSON object a line on `Layout.node_socket`: `{"id": n, "op": name, ...}` is answered by `{"id": n, "ok": value}` or
`{"id": n, "fault": {...}}`, in any order; after `watch` the node also sends `{"changed": instance}` by itself, and
`{"able": ability}` when it has found out what it can do.
On `Layout.dial_socket` (SOCK_SEQPACKET) a message is a number and an instance's id; the answer is the same number and
`ok` with a connected socket beside it, `refused`, or a fault as JSON; answers come in any order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from builder.artifact import Artifact, ArtifactKind
from spaces_runtime.domain.errors import BackendUnavailable, Fault, Invalid, Missing, RungFailed, Unavailable
from spaces_runtime.domain.hardware import Gpu, Hardware
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Instance, Mount, Phase, StartSpec
from spaces_runtime.domain.ports.engine import ImageEnd, ImageJob, Job, JobEnd
from spaces_runtime.domain.setup import Setup, Volume
from spaces_runtime.domain.storage import Removed

Json = dict[str, Any]
LONGEST_LINE: Final = 8 * 2**20  # bytes of one message; an environment is the largest part
LONGEST_DIAL: Final = 4096  # bytes of one question or answer on the dial socket
FAULTS: Final = {kind.__name__: kind for kind in (BackendUnavailable, Invalid, Missing, RungFailed, Unavailable)}
REFUSED: Final = "refused"  # on the dial socket: the app does not listen


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What this machine enforces, or cannot. remedy: what a person can do about it; empty when all is well."""

    subject: str
    holds: bool
    says: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What one node can do. rungs: from warm to cold. findings: for people.

    gpus: devices it can give to Spaces; no_gpus: why there is none, a clause.
    """

    rungs: tuple[Phase, ...]
    findings: tuple[Finding, ...]
    gpus: tuple[Gpu, ...] = ()
    no_gpus: str = ""


def tell_instance(instance: Instance) -> Json:
    """Without the gate: that is the scheduler's."""
    return {
        "id": instance.id,
        "space": instance.space,
        "revision": instance.build.revision,
        "rebuild": instance.build.rebuild,
        "spec": instance.spec,
        "phase": instance.phase.value,
        "since": instance.since,
        "answered": instance.answered,
        "connections": instance.connections,
        "cpu": instance.cpu,
        "memory": instance.memory,
        "peak": instance.peak,
        "hardware": instance.hardware,
        "gpus": list(instance.gpus),
        "why": instance.why,
    }


def hear_instance(told: Json) -> Instance:
    """The way back."""
    return Instance(
        id=InstanceId(told["id"]),
        space=SpaceId(told["space"]),
        build=BuildKey(RevisionId(told["revision"]), told["rebuild"]),
        spec=Digest(told["spec"]),
        phase=Phase(told["phase"]),
        since=told["since"],
        answered=told["answered"],
        connections=told["connections"],
        cpu=told["cpu"],
        memory=told["memory"],
        peak=told["peak"],
        hardware=told["hardware"],
        gpus=tuple(told["gpus"]),
        why=told["why"],
    )


def tell_spec(spec: StartSpec) -> Json:
    """All of it; env holds opened secrets, so the result is never logged nor kept."""
    return asdict(spec) | {"artifact": tell_artifact(spec.artifact)}


def tell_artifact(artifact: Artifact) -> Json:
    """All of it."""
    return asdict(artifact) | {"kind": artifact.kind.value}


def _hear_artifact(told: Json) -> Artifact:
    return Artifact(
        **told
        | {
            "kind": ArtifactKind(told["kind"]),
            "command": tuple(told["command"]),
            "writable": tuple(told["writable"]),
            "headers": tuple((name, value) for name, value in told["headers"]),
        }
    )


def hear_spec(told: Json) -> StartSpec:
    """The way back."""
    artifact, setup = told["artifact"], told["setup"]
    return StartSpec(
        id=InstanceId(told["id"]),
        space=SpaceId(told["space"]),
        build=BuildKey(**told["build"]),
        spec=Digest(told["spec"]),
        artifact=_hear_artifact(artifact),
        setup=Setup(
            hardware=Hardware(**setup["hardware"]),
            variables=tuple((name, value) for name, value in setup["variables"]),
            secrets=setup["secrets"],
            volumes=tuple(Volume(**volume) for volume in setup["volumes"]),
            restarts=setup["restarts"],
            internet=setup["internet"],
        ),
        mounts=tuple(Mount(**mount) for mount in told["mounts"]),
        gpus=tuple(_gpu(each) for each in told["gpus"]),
        env=dict(told["env"]),
    )


def tell_job(job: Job) -> Json:
    """All of it."""
    return asdict(job)


def hear_job(told: Json) -> Job:
    """The way back."""
    return Job(**told | {name: tuple(told[name]) for name in ("argv", "reads", "writes")})


def tell_image(job: ImageJob) -> Json:
    """All of it; secrets among it, so the result is never logged nor kept."""
    return asdict(job) | {"artifact": tell_artifact(job.artifact) if job.artifact else None}


def hear_image(told: Json) -> ImageJob:
    """The way back."""
    variables = tuple((name, value) for name, value in told["variables"])
    artifact = _hear_artifact(told["artifact"]) if told["artifact"] else None
    return ImageJob(**told | {"variables": variables, "hosts": tuple(told["hosts"]), "artifact": artifact})


def tell_image_end(end: ImageEnd) -> Json:
    """All of it."""
    return asdict(end)


def hear_image_end(told: Json) -> ImageEnd:
    """The way back."""
    return ImageEnd(**told | {"writable": tuple(told["writable"])})


def tell_removed(removed: Removed) -> Json:
    """All of it."""
    return asdict(removed)


def hear_removed(told: Json) -> Removed:
    """The way back."""
    return Removed(**told)


def tell_end(end: JobEnd) -> Json:
    """All of it."""
    return asdict(end)


def hear_end(told: Json) -> JobEnd:
    """The way back."""
    return JobEnd(**told)


def tell_ability(ability: Ability) -> Json:
    """All of it."""
    return asdict(ability) | {"rungs": [rung.value for rung in ability.rungs]}


def hear_ability(told: Json) -> Ability:
    """The way back."""
    return Ability(
        rungs=tuple(Phase(rung) for rung in told["rungs"]),
        findings=tuple(Finding(**each) for each in told["findings"]),
        gpus=tuple(_gpu(each) for each in told["gpus"]),
        no_gpus=told["no_gpus"],
    )


def _gpu(told: Json) -> Gpu:
    return Gpu(**told | {"nodes": tuple(told["nodes"])})


def tell_fault(fault: Fault) -> Json:
    """A fault that keeps its class on the other side, when that side knows it."""
    return {"kind": type(fault).__name__, "what": fault.what, "why": fault.why, "then": fault.then}


def hear_fault(told: Json) -> Fault:
    """The way back."""
    return FAULTS.get(told["kind"], BackendUnavailable)(what=told["what"], why=told["why"], then=told["then"])
