"""The public internet for Spaces: a pair of virtual interfaces each, and rules that let nothing else through.

Refused: private and link-local networks (cloud metadata among them), every address of this machine, other Spaces.
IPv6 is off on the pair. The rules stand in chains of our own, written anew at every start.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

WITHIN = 10.0  # seconds for one command
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
PROGRAMS = ("ip", "iptables", "iptables-restore", "nsenter")
REFUSED = (  # RFC 6890 and RFC 1918: everything that is not the public internet
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4"),
)
MOST = 16384  # pairs: a /30 each in a /16
INSIDE_DEVICE = "eth0"


def resolvers(texts: list[str]) -> tuple[str, ...]:
    """IPv4 name servers that a Space can be sent to, from the text of resolv.conf files: none on loopback."""
    named = (line.split() for text in texts for line in text.splitlines())
    addresses = [words[1] for words in named if words[:1] == ["nameserver"] and len(words) > 1]
    found = []
    for address in addresses:
        with contextlib.suppress(ValueError):  # IPv6
            if not ipaddress.IPv4Address(address).is_loopback:
                found.append(address)
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Internet:
    """key: names our interfaces and chains, so that two platforms on one machine do not meet. resolvers: IPv4."""

    key: str
    resolvers: tuple[str, ...]

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

    def _chain(self, name: str) -> str:
        return f"SPACES-{self.key[:5]}-{name}"

    def hooks(self) -> tuple[tuple[str, ...], ...]:
        """(table, chain of the kernel, condition..., our chain): where our rules are entered."""
        ours = f"{self._devices}+"
        return (
            ("filter", "FORWARD", "-i", ours, "-j", self._chain("OUT")),
            ("filter", "FORWARD", "-o", ours, "-j", self._chain("BACK")),
            ("filter", "INPUT", "-i", ours, "-j", self._chain("IN")),
            ("nat", "POSTROUTING", "-s", f"{self._net}.0.0/16", "-j", self._chain("NAT")),
        )

    def rules(self) -> str:
        """Our chains, as iptables-restore reads them; naming a chain empties it."""
        out, back, into, nat = (self._chain(name) for name in ("OUT", "BACK", "IN", "NAT"))
        names = [f"-d {each} -p {kind} --dport 53" for each in self.resolvers for kind in ("udp", "tcp")]
        known = "-m conntrack --ctstate ESTABLISHED,RELATED"
        return "\n".join(
            (
                *("*filter", f":{out} -", f":{back} -", f":{into} -"),
                *(f"-A {out} {name} -j ACCEPT" for name in names),
                *(f"-A {out} -d {net} -j REJECT" for net in REFUSED),
                f"-A {out} -j ACCEPT",
                *(f"-A {back} {known} -j ACCEPT", f"-A {back} -j DROP"),
                *(f"-A {into} {name} -j ACCEPT" for name in names),
                *(f"-A {into} {known} -j ACCEPT", f"-A {into} -j REJECT"),
                *("COMMIT", "*nat", f":{nat} -", f"-A {nat} ! -d {self._net}.0.0/16 -j MASQUERADE", "COMMIT", ""),
            )
        )

    def open(self) -> None:
        """Write our rules and enter them. May be repeated. Blocks. Raises: OSError, SubprocessError."""
        _run("iptables-restore", "-w", "--noflush", text=self.rules())
        for table, chain, *rest in self.hooks():
            with contextlib.suppress(subprocess.CalledProcessError):
                _run("iptables", "-w", "-t", table, "-D", chain, *rest)
            _run("iptables", "-w", "-t", table, "-I", chain, *rest)  # before anybody else's

    def close(self) -> None:
        """Our rules and chains go; what else was set on this machine stays. Blocks."""
        for table, chain, *rest in self.hooks():
            for argv in (("-D", chain, *rest), ("-F", rest[-1]), ("-X", rest[-1])):
                with contextlib.suppress(subprocess.SubprocessError, OSError):
                    _run("iptables", "-w", "-t", table, *argv)

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
        await asyncio.to_thread(_run, "ip", "-batch", "-", text=here)
        await asyncio.to_thread(_run, "nsenter", "-t", str(init), "-n", "ip", "-batch", "-", text=there)

    @property
    def resolv_conf(self) -> str:
        return "".join(f"nameserver {address}\n" for address in self.resolvers)


def prepared(key: str, *, trial: bool) -> tuple[Internet | None, str]:
    """Everything but the pairs; or None and why not. trial: without forwarding on this machine. Blocks."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if os.geteuid() != 0 or absent:
        return None, f"{', '.join(absent)} not installed" if absent else "it needs root"
    texts = [path.read_text() for path in RESOLVERS if path.exists()]
    internet = Internet(key=key, resolvers=resolvers(texts))
    try:
        internet.open()
        if not trial:
            FORWARD.write_text("1")
    except (OSError, subprocess.SubprocessError) as error:
        internet.close()
        said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
        return None, said or "its rules were refused"
    return internet, ""


def _run(*argv: str, text: str = "") -> None:
    subprocess.run(argv, input=text, text=True, capture_output=True, check=True, timeout=WITHIN)  # noqa: S603
