"""Rules for what comes out of Spaces: the public internet, and nothing else that this machine can reach.

They stand in chains of our own, named by the platform's key. A chain is written in one step, so that it never stands
half; entering it (a hook in a chain of the kernel's or of Docker's) is a step of its own. A reload of the machine's
firewall drops both: who owns rules calls `mend` now and then.
"""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()
WITHIN = 10.0  # seconds for one command
# Also as the machine has them, where the node runs in a container that sees the machine's processes.
RESOLVERS = tuple(
    Path(root) / name
    for root in ("/", "/proc/1/root")
    for name in ("etc/resolv.conf", "run/systemd/resolve/resolv.conf")
)
PROGRAM: Final = "iptables"
REFUSED = (  # RFC 6890 and RFC 1918: everything that is not the public internet
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4"),
)
ANEW: Final = 12  # every so many times that they are looked at, the names of doors are looked up
ANSWERS = "-m conntrack --ctstate ESTABLISHED,RELATED"
REPLIES = "-m conntrack --ctstate ESTABLISHED --ctdir REPLY"  # to who called, never of a call of one's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A port that may be called wherever it stands, such as the platform's own, as everybody outside reaches it."""

    address: str  # IPv4
    port: int  # 0: any

    def __str__(self) -> str:
        """As iptables matches it: by what was called. Where a container answers, Docker has changed that by now."""
        port = f" --ctorigdstport {self.port}" if self.port else ""
        return f"-p tcp -m conntrack --ctorigdst {self.address}{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What may be reached although it is private or this machine itself: each `name:port`, or a name with every port.

    doors: by Spaces: the platform, as everybody outside reaches it. hosts: by builds on an engine's own network.
    """

    doors: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


NOTHING: Final = Reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """Rules for one device, or a family of them (`spab12c+`).

    name: of the chains, at most 20 characters. before: the chain whose packets we see first.
    permit: ACCEPT, or RETURN where others after us have a say, too.
    calls: who is outside may begin connections to what is behind the device.
    network: translated to this machine's address on its way out; empty: somebody else does.
    """

    name: str
    device: str
    resolvers: tuple[str, ...]
    doors: tuple[Door, ...] = ()
    before: str = "FORWARD"
    permit: str = "ACCEPT"
    calls: bool = False
    network: str = ""
    program: str = PROGRAM

    def chain(self, part: str) -> str:
        return f"SPACES-{self.name}-{part}"

    def hooks(self) -> tuple[tuple[str, ...], ...]:
        """(table, chain, condition...): where our chains are entered."""
        hooks: list[tuple[str, ...]] = [
            ("filter", self.before, "-i", self.device, "-j", self.chain("OUT")),
            ("filter", "INPUT", "-i", self.device, "-j", self.chain("IN")),
        ]
        if not self.calls:
            hooks.append(("filter", self.before, "-o", self.device, "-j", self.chain("BACK")))
        if self.network:
            hooks.append(("nat", "POSTROUTING", "-s", self.network, "-j", self.chain("NAT")))
        return tuple(hooks)

    def rules(self) -> str:
        """Our chains, as iptables-restore reads them; naming a chain empties it."""
        out, into, back, nat, refuse = (self.chain(part) for part in ("OUT", "IN", "BACK", "NAT", "NO"))
        names = [f"-d {each} -p {kind} --dport 53" for each in self.resolvers for kind in ("udp", "tcp")]
        doors = [str(door) for door in self.doors]
        lines = [
            *("*filter", f":{out} -", f":{into} -", f":{refuse} -"),
            # At once, as if nobody listened: of the other kind of refusal the kernel sends one a second.
            f"-A {refuse} -p tcp -j REJECT --reject-with tcp-reset",
            f"-A {refuse} -j REJECT",
            f"-A {out} {REPLIES} -j {self.permit}",
            f"-A {out} -o {self.device} -j {refuse}",  # a neighbour, whatever address it claims to have
            *(f"-A {out} {each} -j {self.permit}" for each in (*names, *doors)),
            *(f"-A {out} -d {net} -j {refuse}" for net in REFUSED),
            f"-A {out} -m conntrack --ctstate DNAT -j {refuse}",  # a port of this machine that leads elsewhere
            f"-A {out} -j {self.permit}",
            f"-A {into} {ANSWERS} -j ACCEPT",
            *(f"-A {into} {each} -j ACCEPT" for each in (*names, *doors)),
            f"-A {into} -j {refuse}",
        ]
        if not self.calls:
            lines += [f":{back} -", f"-A {back} {ANSWERS} -j {self.permit}", f"-A {back} -j DROP"]
        lines.append("COMMIT")
        if self.network:
            lines += ["*nat", f":{nat} -", f"-A {nat} ! -d {self.network} -j MASQUERADE", "COMMIT"]
        return "\n".join((*lines, ""))

    def open(self) -> None:
        """Write our rules and enter them. May be repeated, and never lets go of rules that stand. Blocks.

        Raises: OSError, SubprocessError.
        """
        run(f"{self.program}-restore", "-w", "--noflush", text=self.rules())
        for table, chain, *rest in self.hooks():
            try:
                run(self.program, "-w", "-t", table, "-C", chain, *rest)
            except subprocess.CalledProcessError:
                run(self.program, "-w", "-t", table, "-I", chain, *rest)  # before anybody else's

    def close(self) -> None:
        """Our rules and chains go; what else was set on this machine stays. Blocks."""
        away = [(table, "-D", chain, *rest) for table, chain, *rest in self.hooks()]
        away += [(table, flag, rest[-1]) for flag in ("-F", "-X") for table, _, *rest in self.hooks()]
        away += [("filter", flag, self.chain("NO")) for flag in ("-F", "-X")]
        for table, *argv in away:
            with contextlib.suppress(subprocess.SubprocessError, OSError):
                run(self.program, "-w", "-t", table, *argv)

    def standing(self) -> tuple[str, ...]:
        """What the kernel has of ours, as iptables prints it. Blocks, 5 ms. Raises: OSError, SubprocessError."""
        told = run(f"{self.program}-save").splitlines()
        return tuple(line for line in told if f"SPACES-{self.name}-" in line)


class Kept:
    """Rules that come back when somebody drops them, and follow the names of doors. make: what they should be now."""

    def __init__(self, make: Callable[[], tuple[Firewall, ...]]) -> None:
        self._make = make
        self.firewalls: tuple[Firewall, ...] = ()
        self._stood: dict[str, tuple[str, ...]] = {}
        self._mended = 0  # times

    def open(self) -> None:
        """Blocks. Raises: OSError, SubprocessError."""
        before, self.firewalls = self.firewalls, self._make()
        for firewall in self.firewalls:
            if firewall not in before:
                self._write(firewall)

    def _write(self, firewall: Firewall) -> None:
        firewall.open()
        self._stood[firewall.name] = firewall.standing()

    def mend(self) -> list[str]:
        """The devices whose rules were not what they had been; they are again. Blocks. Raises: as open."""
        lost: list[str] = []
        if not self.firewalls:
            self.open()
        for firewall in self.firewalls:
            if firewall.standing() == self._stood.get(firewall.name):
                continue
            lost.append(firewall.device)
            self._write(firewall)
        self._mended += 1
        if self._mended % ANEW == 0:
            self.open()
        return lost

    def close(self) -> None:
        """Blocks. Also what another node has left."""
        for firewall in self.firewalls or self._make():
            firewall.close()


def guard(kept: Kept) -> None:
    """Mend, and say so. Blocks."""
    try:
        lost = kept.mend()
    except (OSError, subprocess.SubprocessError) as error:
        log.error("firewall cannot be mended", why=said(error))  # noqa: TRY400 the trace says nothing more
        return
    if lost:
        log.warning("firewall mended", devices=lost, why="somebody else changed the rules for Spaces")


def doors(names: Iterable[str]) -> tuple[Door, ...]:
    """Where these are now: `name:port`, or a name for every port of it. One that nobody knows is left out. Blocks."""
    found = []
    for each in names:
        name, _, port = each.partition(":")
        with contextlib.suppress(OSError):
            told = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
            found += [Door(address=str(at[4][0]), port=int(port or 0)) for at in told]
    return tuple(dict.fromkeys(found))


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


def resolvers_here() -> tuple[str, ...]:
    """Of this machine."""
    texts = []
    for path in RESOLVERS:
        with contextlib.suppress(OSError):
            texts.append(path.read_text())
    return resolvers(texts)


def absent(*programs: str) -> list[str]:
    """Which of them are not installed."""
    return [name for name in programs if shutil.which(name) is None]


def run(*argv: str, text: str = "") -> str:
    """Its output. Blocks. Raises: OSError, SubprocessError."""
    done = subprocess.run(argv, input=text, text=True, capture_output=True, check=True, timeout=WITHIN)  # noqa: S603
    return done.stdout


def said(error: OSError | subprocess.SubprocessError) -> str:
    """Why a command failed, in its own words."""
    own = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) and error.stderr else ""
    return own or str(error)
