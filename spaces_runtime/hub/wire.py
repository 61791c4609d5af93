"""The JSON shapes and headers of the clients' contract that every part shares."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from spaces_runtime.domain.errors import Fault, Invalid, Missing, Renamed, TooLarge
from spaces_runtime.domain.repo import GIT_KINDS, Kind
from spaces_runtime.hub.renamed import renamed_path

MOST_JSON = 2 * 2**20  # bytes of a JSON body; what may be larger (commits, uploads) is streamed by its own reader
LONGEST_HEADER = 1024  # characters of X-Error-Message; the body has the whole text
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
GIT = ("/info/refs", "/git-upload-pack", "/git-receive-pack", "/info/lfs/")


def unquoted(segment: str) -> str:
    """A path parameter as its author meant it. Routes match the raw path, so `%2F` arrives inside one segment.

    Raises:
        Invalid: when it is no UTF-8, or has a control character.
    """
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise Invalid(what="read the address", why=f"{segment!r} is not UTF-8") from None
    if any(ord(letter) < ord(" ") for letter in text):
        raise Invalid(what="read the address", why=f"{text!r} has a control character")
    return text


def kind_of(plural: str) -> Kind:
    """What kind of repo a path is about.

    Raises:
        Missing: there is no such kind.
    """
    kind = next((kind for kind in GIT_KINDS if kind.plural == plural), None)
    if kind is None:
        raise Missing(what=f"find {plural}", why="the kinds of repos are models, datasets and spaces")
    return kind


def iso(at: float) -> str:
    """Unix seconds as the contract writes a date: UTC, milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(request: Request, name: str, default: str = "") -> str:
    """The last value of a query parameter; `name[]` counts as name."""
    values = listed(request, name)
    return values[-1] if values else default


def listed(request: Request, name: str) -> list[str]:
    """All values of a repeated query parameter, also written `name[]`.

    Raises:
        Fault: for a NUL in one, which no name has and no database takes.
    """
    values = [*request.query_params.getlist(name), *request.query_params.getlist(f"{name}[]")]
    if any("\0" in value for value in values):
        raise Fault(what=f"read {name}", why="it has a NUL in it")
    return values


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """A boolean query parameter, in any of the clients' spellings."""
    value = told(request, name).lower()
    return value in ("true", "1", "yes", "") if name in request.query_params else default


def number(request: Request, name: str, *, default: int, most: int) -> int:
    """A whole number from the query, at least 1 and at most `most`.

    Raises:
        Fault: when it is not a number.
    """
    text = told(request, name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise Fault(what=f"read {name}", why=f"{text!r} is not a number")
    return min(max(int(text), 1), most)


def parsed(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    """JSON of letters that exist: half a surrogate pair could be written nowhere.

    Raises:
        ValueError, RecursionError.
    """
    found = json.loads(raw)
    if SURROGATE.search(raw):
        json.dumps(found, ensure_ascii=False).encode()
    return found


async def body(request: Request, *, most: int = MOST_JSON) -> dict[str, Any]:
    """The JSON object a request carries; {} when it carries nothing.

    Raises:
        TooLarge, Fault: when it is too long, no JSON, or no object.
    """
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise TooLarge(what="read the request", why=f"its body is longer than {most} bytes")
    try:
        found = parsed(bytes(raw)) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Fault(what="read the request", why=f"its body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Fault(what="read the request", why="its body is not a JSON object")
    return found


def text_of(found: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A string from a JSON object; null counts as absent.

    Raises:
        Fault: when it is missing without a default, no string, or has what JSON can write and no text has.
    """
    value = found.get(key)
    if value is None:
        value = default
    if not isinstance(value, str):
        raise Fault(what="read the request", why=f"{key} must be a string" + (" and is missing" * (value is None)))
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Fault(what="read the request", why=f"{key} has a character that no text has")
    return value


def endpoint(request: Request) -> str:
    """scheme://host as the client reached us. Only our gateway reaches the hub, and it sets these headers."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = request.headers.get("x-forwarded-host", request.headers.get("host", "localhost")).split(",")[0].strip()
    return f"{scheme}://{host}"


def next_link(request: Request, cursor: str) -> dict[str, str]:
    """The header that leads to the next page; an empty cursor: there is none."""
    if not cursor:
        return {}
    pairs = [(key, value) for key, value in parse_qsl(request.url.query, keep_blank_values=True) if key != "cursor"]
    query = urlencode([*pairs, ("cursor", cursor)])
    return {"Link": f'<{endpoint(request)}{request.scope["path"]}?{query}>; rel="next"'}


def one_line(text: str) -> str:
    """Fit for a header: latin-1, one line, not too long."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:LONGEST_HEADER].encode("latin-1", errors="replace").decode("latin-1")


def refusal(
    request: Request, status: int, text: str, *, code: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The error shape of the contract, §1."""
    told_as = {"X-Error-Message": one_line(text), **(headers or {})}
    if code:
        told_as["X-Error-Code"] = code
    if status == HTTPStatus.UNAUTHORIZED and "WWW-Authenticate" not in told_as:
        is_git = any(part in request.scope["path"] for part in GIT)
        told_as["WWW-Authenticate"] = 'Basic realm="Spaces", charset="UTF-8"' if is_git else 'Bearer realm="Spaces"'
    return JSONResponse({"error": text}, status_code=status, headers=told_as)


def fault_response(request: Request, fault: Fault, headers: Mapping[str, str] | None = None) -> Response:
    """What a client gets for a fault. headers: more of them, such as X-Repo-Commit beside EntryNotFound."""
    if isinstance(fault, Renamed) and (path := renamed_path(request.scope["path"], fault.now)):
        query = f"?{request.url.query}" if request.url.query else ""
        told_as = {"Location": f"{endpoint(request)}{path}{query}", "X-Error-Message": f"It is {fault.now} now"}
        return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=told_as)
    extra = {"Retry-After": "5"} if fault.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return refusal(request, fault.status, fault.said, code=fault.code, headers={**extra, **(headers or {})})
