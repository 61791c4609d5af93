"""The network of Spaces in containers: one bridge of the platform's own, on which nobody meets anybody.

A Space that may not reach the internet is not on it: it has its loopback device alone, where the platform listens.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from threading import RLock
from typing import Any, Final

import structlog
from docker.types import IPAMConfig, IPAMPool

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.node.docker.engine import Absent, Engine
from spaces_runtime.node.docker.firewall import entrance, firewalls
from spaces_runtime.node.firewall import NOTHING, Firewall, Kept, Reach, absent, doors, guard, resolvers_here, run, said

log = structlog.get_logger()
NONE: Final = "none"  # Docker's network of nobody
LABEL: Final = "spaces.platform"
USUAL: Final = "docker0"
BRIDGE: Final = "com.docker.network.bridge.name"
MTU: Final = "com.docker.network.driver.mtu"
PROGRAMS: Final = ("iptables", "iptables-restore", "iptables-save", "ip")
FILTERED: Final = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
DEVICES: Final = Path("/sys/class/net")
LENGTH: Final = 20  # of the prefix: 4,094 addresses; the kernel lets a bridge have 1,023 ports
# The upper half of 10.0.0.0/8 first: the lower has the pairs of the process engine, and most offices.
RANGES: Final = tuple(map(IPv4Network, ("10.128.0.0/9", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))


def free_subnet(key: str, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """One that overlaps with none of these; the key says where to begin to look."""
    others = list(taken)
    found = [net for each in RANGES for net in each.subnets(new_prefix=LENGTH)]
    first = int(key, 16) % len(list(RANGES[0].subnets(new_prefix=LENGTH)))
    for net in (*found[first:], *found[:first]):
        if not any(net.overlaps(other) for other in others):
            return net
    return None


class Network:
    """reach: beyond the public internet. Every method blocks, but for `name`.

    Where its rules cannot be set there is no such network: `refused` says why, and every Space is without internet.
    """

    def __init__(
        self,
        engine: Engine,
        key: str,
        *,
        reach: Reach = NOTHING,
        resolvers: tuple[str, ...] | None = None,
    ) -> None:
        self._engine, self._key = engine, key
        self._reach, self._told_resolvers = reach, resolvers
        self._kept: Kept | None = None
        self._named = f"spaces-{key}"
        self._waits = False  # for an engine that does not answer
        self._one = RLock()  # the node's start and its guard are on threads of their own
        self.bridge = f"spd-{key[:8]}"  # the process engine's begin with sp and a digit of base 16
        self.refused = "it was not opened"
        self.resolvers: tuple[str, ...] = ()

    def name(self, *, internet: bool) -> str:
        """What a container is given as its network."""
        return NONE if self.refused or not internet else self._named

    def open(self) -> str:
        """Network and rules are there; or why not, which is also `refused`. May be repeated.

        Rules that stand are left standing even so: somebody may live behind them.
        """
        with self._one:
            return self._opened()

    def _opened(self) -> str:
        self._waits = False
        missing = absent(*PROGRAMS)
        if os.geteuid() != 0 or missing:
            self.refused = f"{', '.join(missing)} not installed" if missing else "it needs root"
            return self.refused
        try:
            self._open()
        except BackendUnavailable as fault:
            self._waits, self.refused = True, fault.why
        except (OSError, subprocess.SubprocessError) as error:
            self.refused = said(error)
        return self.refused

    def _open(self) -> None:
        """The rules first: they name devices that need not be there yet."""
        self.resolvers = resolvers_here() if self._told_resolvers is None else self._told_resolvers
        try:
            default = self._default()
        except BackendUnavailable:
            self._guard(USUAL)
            raise
        self._guard(default.get(BRIDGE, ""))
        self._make(default)
        # Else neighbours on one bridge are out of reach of every rule.
        bridged = FILTERED.exists() and FILTERED.read_text().strip() == "1"
        self.refused = "" if bridged else "this kernel has no br_netfilter, so nothing keeps Spaces from each other"

    def _guard(self, builds: str) -> None:
        self._kept = self._rules(builds)
        self._kept.open()

    def _rules(self, builds: str) -> Kept:
        program, before = entrance()

        def now() -> tuple[Firewall, ...]:
            return firewalls(
                self._key,
                program=program,
                before=before,
                bridge=self.bridge,
                builds=builds,
                resolvers=self.resolvers,
                doors=doors(self._reach.doors),
                hosts=doors(self._reach.hosts),
            )

        return Kept(now)

    def _listed(self, **filters: str) -> list[Any]:
        return list(self._engine.ask("look at its networks", lambda client: client.networks(filters=filters)))

    def _default(self) -> dict[str, str]:
        """Options of Docker's own bridge; empty: the engine was told to have none."""
        found = (dict(each["Options"] or {}) for each in self._listed(driver="bridge"))
        return next((each for each in found if each.get("com.docker.network.bridge.default_bridge") == "true"), {})

    def _ours(self) -> list[Any]:
        return self._listed(label=f"{LABEL}={self._key}")

    def _make(self, default: dict[str, str]) -> None:
        options = {
            BRIDGE: self.bridge,
            "com.docker.network.bridge.enable_icc": "false",
            **({MTU: default[MTU]} if MTU in default else {}),
        }
        for network in self._ours():
            if (network["Name"], network["Options"]) == (self._named, options) and self._stands:
                break
            self._remove(network)  # of another version, or half of one; not while a container is on it
        else:
            self._create(options)
        ours = Path("/proc/sys/net/ipv6/conf") / self.bridge / "disable_ipv6"
        with contextlib.suppress(FileNotFoundError):  # no IPv6 in this kernel
            ours.write_text("1")  # Docker leaves the device its link-local address

    def _create(self, options: dict[str, str]) -> None:
        subnet = free_subnet(self._key, self._taken())
        if subnet is None:
            raise OSError("no range of private addresses is free for Spaces")
        ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet), gateway=str(subnet[1]))])
        self._engine.ask(
            "make the network of Spaces",
            lambda client: client.create_network(
                self._named,
                driver="bridge",
                options=options,
                ipam=ipam,
                labels={LABEL: self._key},
                check_duplicate=True,
                enable_ipv6=False,
            ),
        )

    def _taken(self) -> list[IPv4Network]:
        """What this machine routes, what the engine has promised to others, and the name servers."""
        routes = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all"))
        told = [route["dst"] for route in routes if route["dst"] != "default"]
        for network in self._listed():
            told += [each["Subnet"] for each in network["IPAM"]["Config"] or () if "Subnet" in each]
        nets = (ip_network(each, strict=False) for each in (*told, *self.resolvers))
        halves = 2  # a VPN that takes everything says so with two routes, 0.0.0.0/1 and 128.0.0.0/1
        return [net for net in nets if isinstance(net, IPv4Network) and net.prefixlen >= halves]

    @property
    def _stands(self) -> bool:
        return (DEVICES / self.bridge).exists()

    def mend(self) -> None:
        """What a reload of the firewall or a person's `docker network prune` took away is there again. 10 ms."""
        with self._one:
            if self._waits or (not self.refused and not self._stands):
                if not self.open():
                    log.warning("network of Spaces made again", network=self._named)
            elif self._kept:
                guard(self._kept)

    def close(self) -> None:
        """No network of ours and no rule is left, also of a node that was killed. Only when no container is on it.

        Raises: BackendUnavailable, OSError, SubprocessError.
        """
        with self._one:
            for network in self._ours():
                self._remove(network)
            kept = self._kept or self._rules(self._default().get(BRIDGE, ""))
            kept.close()
            self.refused, self._waits = "it was closed", False

    def _remove(self, network: Any) -> None:  # noqa: ANN401 the engine's JSON
        with contextlib.suppress(Absent):
            self._engine.ask("remove a network of Spaces", lambda client: client.remove_network(network["Id"]))
