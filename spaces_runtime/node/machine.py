"""What this machine lets the node do; found out once, at start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spaces_runtime.domain.hardware import Gpu
from spaces_runtime.domain.layout import Layout
from spaces_runtime.node.cgroups import Cgroups, Group
from spaces_runtime.node.internet import Internet
from spaces_runtime.node.tree import Processes, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """key: names this platform among others. root: started by root: a user per Space, limits, no user namespaces.

    bwrap: the sandbox's program; empty: none can be had (`refused` says why, `permit` is the command that permits it),
    and Spaces run only where `trusting`.
    images: writable places have a size of their own. port: the platform's. cores: of this machine.
    seccomp: the filter for this architecture; empty: none is known for it.
    gpus: devices of this machine; no_gpus: why there is none.
    """

    layout: Layout
    key: str
    root: bool
    bwrap: str
    refused: str
    permit: str
    trusting: bool
    cgroups: Cgroups
    images: bool
    internet: Internet | None
    port: int
    cores: int
    seccomp: bytes
    gpus: tuple[Gpu, ...] = ()
    no_gpus: str = ""

    def remove(self) -> None:
        """What the node made on this machine for all Spaces goes when no Space is left. Blocks."""
        self.cgroups.remove()
        if self.internet:
            self.internet.firewall().close()

    @property
    def grouped(self) -> bool:
        """Processes are held by control group, not only by descent."""
        return bool(self.cgroups.at) and self.cgroups.group("x").can_freeze

    @property
    def checkpoints(self) -> bool:
        """Memory of apps may be moved out of memory, as far as the rest of what that takes is there."""
        return self.root and bool(self.bwrap) and self.grouped

    def group(self, name: str) -> Group:
        return self.cgroups.group(name)

    def processes(self, name: str, init: int) -> Processes:
        """All processes of an instance."""
        return self.group(name) if self.grouped else Tree(init)

    @property
    def instances(self) -> Path:
        return self.layout.node / "instances"

    @property
    def volumes(self) -> Path:
        """Where /data images are mounted."""
        return self.layout.node / "volumes"
