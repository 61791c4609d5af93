"""What a request gets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from spaces_runtime.domain.route import Route
from spaces_runtime.domain.settings import GatewaySettings

NOBODY_HERE = "There is no Space at this address."


class Late(Enum):
    """What is answered when no instance took the request in time."""

    WAITING_PAGE = "waiting page"
    RETRY = "503 with Retry-After"


@dataclass(frozen=True, slots=True)
class Enter:
    """Admit now or within `seconds`; an awake Space takes it at once, a sleeping one is woken."""

    seconds: float
    late: Late


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with status and one sentence."""

    status: int
    why: str


def decide(route: Route | None, *, allowed: bool, page: bool, settings: GatewaySettings) -> Enter | Refuse:
    """page: a browser asks for a document. A private Space looks absent to a stranger."""
    if route is None or (route.private and not allowed):
        return Refuse(404, NOBODY_HERE)
    if route.why:
        return Refuse(503, route.why)
    if page:
        return Enter(settings.page_after, Late.WAITING_PAGE)
    return Enter(settings.hold, Late.RETRY)


def is_internal(path: bytes) -> bool:
    """Whether a path could be read as one of the hub's inner ones, however it is written."""
    text = unquote(unquote(path.decode("latin-1"))).replace("\\", "/").lower()
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return parts[:1] == ["internal"] or text.lstrip("/").startswith("internal/")
