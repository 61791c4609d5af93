"""The public internet for Spaces: a pair of virtual interfaces each, and rules that let nothing else through.

Refused: private and link-local networks (cloud metadata among them), every address of this machine, other Spaces.
IPv6 is off on the pair. The rules are those of every engine: firewall.py.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from spaces_runtime.node.firewall import Firewall, absent, doors, resolvers_here, run, said

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
PROGRAMS = ("ip", "iptables", "iptables-restore", "nsenter")
MOST = 16384  # pairs: a /30 each in a /16
INSIDE_DEVICE = "eth0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Internet:
    """key: names our interfaces and chains, so that two platforms on one machine do not meet. resolvers: IPv4.

    doors: `name:port` of what Spaces may reach although it may stand here: the platform's public addresses.
    """

    key: str
    resolvers: tuple[str, ...]
    doors: tuple[str, ...] = ()

    @property
    def _devices(self) -> str:
        return f"sp{self.key[:5]}"

    @property
    def _net(self) -> str:
        """Two of the four numbers of our /16."""
        return f"10.{64 + int(self.key, 16) % 64}"

    def addresses(self, number: int) -> tuple[str, str]:
        """Of the n-th pair: outside, inside."""
        third, fourth = divmod(number * 4, 256)
        return f"{self._net}.{third}.{fourth + 1}", f"{self._net}.{third}.{fourth + 2}"

    def firewall(self) -> Firewall:
        """What these pairs may reach. Blocks: it looks up names."""
        return Firewall(
            name=self.key[:5],
            device=f"{self._devices}+",
            resolvers=self.resolvers,
            doors=doors(self.doors),
            network=f"{self._net}.0.0/16",
        )

    async def join(self, init: int, number: int) -> None:
        """Give the sandbox of this process the n-th pair. Raises: OSError, SubprocessError."""
        outside, inside = self.addresses(number)
        name = f"{self._devices}{number:x}"
        here = (
            f"link add {name} type veth peer name {INSIDE_DEVICE} netns {init}\n"
            f"link set {name} addrgenmode none\naddress add {outside}/30 dev {name}\nlink set {name} up\n"
        )
        there = (
            f"link set {INSIDE_DEVICE} addrgenmode none\naddress add {inside}/30 dev {INSIDE_DEVICE}\n"
            f"link set {INSIDE_DEVICE} up\nroute add default via {outside}\n"
        )
        await asyncio.to_thread(run, "ip", "-batch", "-", text=here)
        await asyncio.to_thread(run, "nsenter", "-t", str(init), "-n", "ip", "-batch", "-", text=there)

    @property
    def resolv_conf(self) -> str:
        return "".join(f"nameserver {address}\n" for address in self.resolvers)


def prepared(key: str, *, trial: bool, public: tuple[str, ...] = ()) -> tuple[Internet | None, str]:
    """Everything but the pairs; or None and why not. Blocks.

    trial: without forwarding on this machine. public: doors of Internet.
    """
    missing = absent(*PROGRAMS)
    if os.geteuid() != 0 or missing:
        return None, f"{', '.join(missing)} not installed" if missing else "it needs root"
    internet = Internet(key=key, resolvers=resolvers_here(), doors=public)
    try:
        internet.firewall().open()
        if not trial:
            FORWARD.write_text("1")
    except (OSError, subprocess.SubprocessError) as error:
        internet.firewall().close()
        return None, said(error)
    return internet, ""
