"""An image that we put together ourselves: its configuration, and the archive that the engine loads.

Of the layers that an engine has already only the digests are sent. It finds them by what lies below them, so an image
with one new layer is as large as that layer.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from platform import machine
from typing import Any, Final

from builder.image.layer import BLOCK, TIME, Layer, Packed

CREATED: Final = "1980-01-01T00:00:00Z"  # equal images have equal digests, so they tell no time
MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """below: digests of the layers of the image it stands on. layers: its own, the lowest first.

    config: what a container of it is started with: Env, Cmd, User, WorkingDir, Labels, ExposedPorts.
    """

    below: tuple[str, ...] = ()
    layers: tuple[Layer | Packed, ...]
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digests(self) -> tuple[str, ...]:
        """Of all layers."""
        return (*self.below, *(layer.digest for layer in self.layers))

    @property
    def configuration(self) -> bytes:
        """Equal for equal images."""
        history = [{"created": CREATED, "created_by": "base"} for _ in self.below]
        history += [{"created": CREATED, "created_by": f"spaces: {layer.told}"} for layer in self.layers]
        told = {
            "architecture": MACHINES.get(machine(), machine()),
            "config": dict(self.config),
            "created": CREATED,
            "history": history,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": list(self.digests)},
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()

    @property
    def id(self) -> str:
        """As the engine will name it."""
        return f"sha256:{sha256(self.configuration).hexdigest()}"


def archive(plan: Plan, tags: Sequence[str], sent: Sequence[Layer | Packed]) -> Iterator[bytes]:
    """As `docker load` takes it, in pieces. sent: the layers whose content goes with it."""
    identity = plan.id.partition(":")[2]
    names = [f"{digest.partition(':')[2]}.tar" for digest in plan.digests]
    manifest = [{"Config": f"{identity}.json", "RepoTags": list(tags), "Layers": names}]
    yield from _member("manifest.json", json.dumps(manifest).encode())
    yield from _member(f"{identity}.json", plan.configuration)
    for layer in {layer.digest: layer for layer in sent}.values():
        yield _header(f"{layer.digest.partition(':')[2]}.tar", layer.size)
        yield from layer.pieces()
        yield bytes(-layer.size % BLOCK)
    yield bytes(2 * BLOCK)


def _member(name: str, content: bytes) -> Iterator[bytes]:
    yield _header(name, len(content))
    yield content + bytes(-len(content) % BLOCK)


def _header(name: str, size: int) -> bytes:
    told = tarfile.TarInfo(name)
    told.size, told.mtime, told.mode = size, TIME, 0o644
    return told.tobuf(tarfile.PAX_FORMAT)
