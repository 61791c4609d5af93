"""What the node must find again after it was killed: a folder per instance."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RevisionId, SpaceId

RECORD = "record.json"
EXIT = "exit"


def write_whole(path: Path, content: bytes, *, synced: bool) -> None:
    """Replace a file at once: after a kill the old content is there, or the new. synced: also after a power cut."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        if synced:
            os.fsync(file.fileno())
    beside.replace(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One instance as it is kept. Never its environment: that holds secrets.

    user: numeric user of the app; memory: limit, bytes; port: the app's; relayed: the platform's, listened on inside.
    hardware: name of its tier; gpus: ids of the devices it has.
    link: number of its pair of interfaces to the internet; -1: none.
    init: pid of PID 1 of the sandbox, 0 before it is known; born: its start, in clock ticks since `boot`, the kernel's
    name for this run of the machine.
    log: number of the log pipe's reading end in that process. ordered: it was told to start the app.
    started, ready, frozen, thawed, ended: Unix seconds; 0: not, or not yet. why: how it ended.
    """

    id: InstanceId
    space: SpaceId
    build: BuildKey
    spec: Digest
    user: int
    memory: int
    port: int
    relayed: int
    boot: str
    started: float
    hardware: str = ""
    gpus: tuple[str, ...] = ()
    link: int = -1
    init: int = 0
    born: int = 0
    log: int = -1
    ordered: bool = False
    ready: float = 0.0
    ended: float = 0.0
    frozen: float = 0.0
    thawed: float = 0.0
    why: str = ""

    def keep(self, folder: Path) -> Record:
        """Write it down in the instance's folder; returns itself. Not synced: a power cut ends the instance too."""
        write_whole(folder / RECORD, json.dumps(asdict(self)).encode(), synced=False)
        return self

    def grown(self, folder: Path, **changes: str | float) -> Record:
        """A changed copy, written down."""
        return self.changed(**changes).keep(folder)

    def changed(self, **changes: str | float) -> Record:
        """A changed copy that is not written down yet."""
        return replace(self, **changes)  # type: ignore[arg-type]


def read(folder: Path) -> Record | None:
    """The record in an instance's folder; None: it was never written, so nothing was started."""
    try:
        told = json.loads((folder / RECORD).read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    build = told.pop("build")
    return Record(
        **told
        | {
            "id": InstanceId(told["id"]),
            "space": SpaceId(told["space"]),
            "spec": Digest(told["spec"]),
            "gpus": tuple(told.get("gpus", ())),
            "build": BuildKey(RevisionId(build["revision"]), build["rebuild"]),
        }
    )


def this_boot() -> str:
    """The kernel's name for this run of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def exit_status(folder: Path) -> int | None:
    """The status that PID 1 wrote down when the app ended; negative: a signal. None: it did not."""
    try:
        return int((folder / EXIT).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
