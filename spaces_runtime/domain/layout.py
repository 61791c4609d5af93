"""Where everything lies in the data folder, who may read it, and which system user each process is."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

# Numeric users without an entry in /etc/passwd; used only when the platform is started by root.
GROUP: Final = 19000  # all platform processes but the builders
HUB: Final = 19001
SCHEDULER: Final = 19002
GATEWAY: Final = 19003
BUILDER: Final = 19004
VALKEY: Final = 19005
CONTROL: Final = 19006  # group of hub and scheduler: database, repos, keys
STUB: Final = 19007  # PID 1 of every sandbox
TRIAL: Final = 19008  # the app by which the node finds out what it can do
WATCH: Final = 19009
FIRST_SPACE: Final = 20000  # and up: one user per Space

FIGURES: Final = ".figures"  # ends the names of sockets in Layout.run where processes tell what they count
MOUNTS: Final = "mounts.json"  # in an instance's folder: what below Layout.mounts it shows
LONGEST_RUN: Final = 80  # characters; leaves room for a file name in the 108 bytes of a socket's path


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the data folder. data: absolute, resolved."""

    data: Path

    @property
    def database(self) -> Path:
        return self.data / "db" / "spaces.sqlite"

    @property
    def repos(self) -> Path:
        """Bare git repos, `<id>.git`."""
        return self.data / "repos"

    @property
    def blobs(self) -> Path:
        """Content by sha256: `ab/cd/abcd...`; `xorbs/` and `incoming/` beside them. The gateways read what is named."""
        return self.data / "blobs"

    def blob(self, sha256: str) -> Path:
        """Where this content lies, or would."""
        return self.blobs / sha256[:2] / sha256[2:4] / sha256

    @property
    def keys(self) -> Path:
        """`master` (seals secrets), `visitor` (signs visitors' cookies; the gateways read it too)."""
        return self.data / "keys"

    @property
    def store(self) -> Path:
        """What all builds share. Files are hard-linked across it: builds see it as one mount."""
        return self.data / "store"

    @property
    def envs(self) -> Path:
        """Shared read-only environments by digest."""
        return self.store / "envs"

    @property
    def cache(self) -> Path:
        """Of uv, apt and bytecode."""
        return self.store / "cache"

    @property
    def wheels(self) -> Path:
        """The wheels of every kept lock."""
        return self.store / "wheels"

    @property
    def bases(self) -> Path:
        """Debian packages by digest of their list."""
        return self.store / "bases"

    @property
    def locks(self) -> Path:
        """The newest lock of each set of requirements."""
        return self.store / "locks"

    @property
    def own(self) -> Path:
        """`<space>/{wheels,envs}`: what was built from source, for one Space alone."""
        return self.store / "own"

    @property
    def builds(self) -> Path:
        """`<space>/<revision>-<rebuild>/`: `code/`, the checkout; `made/`, what the build leaves."""
        return self.data / "builds"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def volumes(self) -> Path:
        """`<space>/`: each Space's /data."""
        return self.data / "volumes"

    @property
    def mounts(self) -> Path:
        """What Spaces mount read-only, shared by all that mount the same."""
        return self.data / "mounts"

    @property
    def written(self) -> Path:
        """What Spaces wrote into buckets that they mount, on its way there. The node fills it, the hub empties it."""
        return self.data / "written"

    @property
    def node(self) -> Path:
        """The node's own: instances and what it must find again. Only root reads it."""
        return self.data / "node"

    @property
    def run(self) -> Path:
        """Sockets and pids; elsewhere when the path would be too long for a socket's name (108 bytes)."""
        here = self.data / "run"
        if len(str(here)) <= LONGEST_RUN:
            return here
        return Path("/tmp") / f"spaces-{sha256(str(self.data).encode()).hexdigest()[:16]}"  # noqa: S108

    @property
    def hub_socket(self) -> Path:
        return self.run / "hub.sock"

    @property
    def bodies_socket(self) -> Path:
        """Where gateways pass visitors' sockets to the hub; see domain.handing."""
        return self.run / "bodies.sock"

    @property
    def node_socket(self) -> Path:
        """The scheduler's: everything."""
        return self.run / "node.sock"

    @property
    def dial_socket(self) -> Path:
        """The gateways': connections only."""
        return self.run / "dial.sock"

    @property
    def valkey_socket(self) -> Path:
        return self.run / "valkey.sock"
