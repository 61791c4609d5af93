"""Where the rules for containers stand: before Docker's own, for our bridge and for the one that image builds use."""

from __future__ import annotations

import subprocess
from typing import Final

from spaces_runtime.node.firewall import PROGRAM, Door, Firewall, absent, run

USERS: Final = "DOCKER-USER"  # Docker asks it first, and never empties it
# As Docker picks it; on a machine with both, Docker's chains are in one only. A REJECT holds in either.
PROGRAMS: Final = (PROGRAM, "iptables-legacy", "iptables-nft")


def entrance() -> tuple[str, str]:
    """(program, chain): where what containers send is seen first. Blocks. Raises: OSError, SubprocessError."""
    for program in PROGRAMS:
        if absent(program, f"{program}-restore", f"{program}-save"):
            continue
        try:
            run(program, "-w", "-n", "-L", USERS)
        except subprocess.CalledProcessError:
            continue
        return program, USERS
    return PROGRAM, "FORWARD"  # an engine without this chain, or one that sets no rules at all


def firewalls(
    key: str,
    *,
    program: str,
    before: str,
    bridge: str,
    builds: str,
    resolvers: tuple[str, ...],
    doors: tuple[Door, ...],
    hosts: tuple[Door, ...],
) -> tuple[Firewall, ...]:
    """program, before: see entrance(). bridge: of the Spaces. builds: Docker's default bridge; empty: it has none.

    doors, hosts: what Spaces and builds may reach. What we permit, others may still refuse: an operator's rules in the
    same chain stand after ours.
    """
    spaces = Firewall(
        name=f"D-{key[:5]}",
        device=bridge,
        resolvers=resolvers,
        doors=doors,
        before=before,
        permit="RETURN",
        program=program,
    )
    if not builds:
        return (spaces,)
    # Somebody may run a container of their own there and publish its port; that goes on working.
    steps = Firewall(
        name=f"B-{key[:5]}",
        device=builds,
        resolvers=resolvers,
        doors=hosts,
        before=before,
        permit="RETURN",
        calls=True,
        program=program,
    )
    return spaces, steps
