"""POST /api/validate-yaml: what is wrong with a README, before it is committed."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from builder.card import check_card
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.repo import GIT_KINDS
from spaces_runtime.hub.wire import body, text_of

router = APIRouter()
RULE = re.compile(r'(?P<place>.*?)\. (?P<rule>"[^"]+" (?:must be|is required).*)', re.DOTALL)
LONGEST = 4 * 2**20  # bytes; a card is a page of text


@router.post("/api/validate-yaml")
async def validate(request: Request) -> Response:
    """200 with warnings, 400 with errors. The client parses before it looks at the status: JSON, whatever happens."""
    try:
        asked = await body(request, most=LONGEST)
        errors, warnings = check_card(text_of(asked, "content"), _kind(text_of(asked, "repoType", "model")))
    except Fault as fault:
        return _answer(request, fault.status, (fault.said,), ())
    return _answer(request, 400 if errors else 200, errors, warnings)


def _kind(word: str) -> str:
    if word not in {kind.value for kind in GIT_KINDS}:
        raise Fault(what="check the card", why=f"there is no repoType {word!r}")
    return word


def _answer(request: Request, status: int, errors: tuple[str, ...], warnings: tuple[str, ...]) -> Response:
    if request.headers.get("accept", "").startswith("text/plain"):  # RepoCard.validate shows the text as it is
        lines = [*(f"- Error: {_plain(text)}" for text in errors), *(f"- Warning: {text}" for text in warnings)]
        return PlainTextResponse("\n".join(lines), status_code=status)
    said = {"errors": [{"message": text} for text in errors], "warnings": [{"message": text} for text in warnings]}
    return JSONResponse(said, status_code=status)


def _plain(error: str) -> str:
    """As RepoCard.validate's users look for it: the rule first, then the place."""
    found = RULE.fullmatch(error)
    return f"{found['rule']} ({found['place']})" if found else error
