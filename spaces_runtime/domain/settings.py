"""What an operator can set. Read once by cli/settings.py; each part is handed its own section, never the whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from spaces_runtime.domain.allowance import Allowance
from spaces_runtime.domain.hardware import GIB, Hardware
from spaces_runtime.domain.tiers import TIERS

ENGINES = ("process", "docker")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """at_once: builds at a time. memory: bytes. seconds: the longest a build may take. disk: bytes one may write.

    index, extra_index, find_links, ca: an operator's package sources; empty: what pip's own configuration names.
    hosts: of private networks, `name` or `name:port`, that authors may name as they may name public ones.
    """

    at_once: int = 2
    memory: int = 8 * GIB
    cpus: float = 2.0
    seconds: float = 3600.0
    disk: int = 50 * GIB
    index: str = ""
    extra_index: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    ca: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepSettings:
    """Seconds of idleness after which a Space is frozen, and so on down to cold; -1: never. hold: see Space.hold."""

    frozen: float = 900.0
    paged: float = 1800.0
    checkpointed: float = 3600.0
    packed: float = 86400.0
    cold: float = 7 * 86400.0
    hold: float = 6 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """max_regular: largest file, bytes, that may be committed without LFS; max_file: largest blob, bytes."""

    max_regular: int = 10 * 2**20
    max_file: int = 200 * GIB
    sign_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """namespace, repo: bytes that a person or organisation, and one repo, may store; 0: no limit.

    gc_at: how full the disk is, in per cent, when what nothing needs is removed unasked; 0: never.
    """

    namespace: int = 0
    repo: int = 0
    gc_at: int = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """hold: seconds an API client is held while a Space wakes. page_after: seconds before the waiting page.

    max_head: bytes of a request's head. parked: bytes of a body kept while held; then reading pauses.
    silent: seconds without a message after which a WebSocket is held, no longer inside.
    trusted: addresses of front proxies whose X-Forwarded-For is believed.
    """

    processes: int = 0  # 0: one per core, at most 4
    hold: float = 120.0
    page_after: float = 0.3
    interim: float = 3.0
    max_head: int = 64 * 1024
    parked: int = 2**20
    silent: float = 30.0
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSettings:
    """The container engine. host: its socket; empty: what DOCKER_HOST names, or /var/run/docker.sock.

    base: image that Spaces without a Dockerfile start from; empty: the one `spaces base build` made.
    registry: host[:port][/prefix] that images are pushed to and pulled from; empty: they stay on this machine.
    """

    host: str = ""
    base: str = ""
    registry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything. data: absolute path.

    public_url: the hub as people reach it, e.g. https://hub.example.org; empty: local mode, this machine only.
    spaces_domain: domain below which Spaces live, e.g. spaces.example.net; empty: localhost.
    engine: what runs Spaces, one of ENGINES.
    trust_spaces: run Spaces without a sandbox; for a person's own machine only.
    internet: Spaces may reach the public internet (private ranges and the platform never).
    database_url, redis_url: one's own PostgreSQL and Redis; empty: SQLite and the bundled Valkey.
    allowance: what each person or organisation may have, unless an operator gave them another.
    metrics: host:port of the page for Prometheus, which is for no visitor; empty: there is none.
    """

    data: Path
    port: int = 7800
    public_url: str = ""
    spaces_domain: str = ""
    database_url: str = ""
    redis_url: str = ""
    metrics: str = ""
    engine: str = "process"
    trust_spaces: bool = False
    internet: bool = True
    default_hardware: str = "cpu-basic"
    hardware: tuple[Hardware, ...] = TIERS
    build: BuildSettings = field(default_factory=BuildSettings)
    sleep: SleepSettings = field(default_factory=SleepSettings)
    hub: HubSettings = field(default_factory=HubSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    docker: DockerSettings = field(default_factory=DockerSettings)
    allowance: Allowance = field(default_factory=Allowance)
