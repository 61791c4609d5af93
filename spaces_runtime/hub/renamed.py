"""An address with a repo's old name, written with the new one. Pure."""

from __future__ import annotations

from spaces_runtime.domain.repo import Kind

PREFIXED = frozenset(kind.plural for kind in Kind)


def renamed_path(path: str, now: str) -> str:
    """The path that leads on; empty: the old name is not in it, but in a body. path: raw. now: namespace/name."""
    first, *rest = path.removeprefix("/").split("/")
    at = 2 if first == "api" else 1 if first in PREFIXED else 0
    parts = [first, *rest]
    if len(parts) < at + 2 or (first == "api" and parts[1] not in PREFIXED):
        return ""
    namespace, name = now.split("/")
    ending = ".git" if parts[at + 1].endswith(".git") else ""
    return "/" + "/".join([*parts[:at], namespace, name + ending, *parts[at + 2 :]])
