"""What namespaces and repos may be called: the clients' rules, and what our own paths need."""

from __future__ import annotations

import re
from typing import Final

from spaces_runtime.domain.errors import Fault

LONGEST: Final = 96  # characters of a name, as clients check
NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
RESERVED: Final = frozenset(  # models live at the root, so these first segments are ours
    """about account admin api assets auth avatars blog buckets chat collections dashboard datasets docs download
    embed events favicon.ico front health help home inference internal join jobs join-us lfs login logout manage me
    metrics models new notifications oauth organizations papers pricing privacy robots.txt search security sessions
    settings sign-in sign-out sign-up signin signout signup spaces static status storage support tasks templates terms
    tokens users webhooks well-known .well-known www xet""".split()  # noqa: SIM905 - read as a table
)


def checked_name(name: str) -> str:
    """The name of a repo.

    Raises:
        Fault: with the rule it breaks.
    """
    if why := _fault(name):
        raise Fault(what=f"use the name {name!r}", why=why, then="Use letters, digits, - _ and . inside.")
    return name


def checked_namespace(name: str) -> str:
    """The name of a user, before which repos stand.

    Raises:
        Fault: with the rule it breaks.
    """
    if name.lower() in RESERVED:
        raise Fault(what=f"use the name {name!r}", why="the hub's own pages are there", then="Choose another one.")
    return checked_name(name)


def _fault(name: str) -> str:
    if not NAME.fullmatch(name):
        return "it must begin and end with a letter or digit, and may hold - _ . between"
    if len(name) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if "--" in name or ".." in name:
        return "-- and .. are not allowed"
    if name.lower().endswith((".git", ".ipynb")):
        return "it must not end in .git or .ipynb"
    return ""
