"""The page of a model or dataset: what it is good at, where it comes from, how to use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote, urlencode

from fastapi import Request, Response

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.card import README, Facts
from spaces_runtime.domain.operations.cards import Cards
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.operations.kin import kin_of
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.results import shown
from spaces_runtime.web.lineage import lineage
from spaces_runtime.web.readmes import Readmes
from spaces_runtime.web.site import Site, spoken_moment
from spaces_runtime.web.space import page_of
from spaces_runtime.web.use import ways

CHIPS: Final = 24


async def card(site: Site, cards: Cards, readmes: Readmes, kind: Kind, request: Request) -> Response:
    """The card, and all that it says."""
    who = await site.identify(request)
    namespace, name = (unquote(request.path_params[key]) for key in ("ns", "name"))
    repo = await find_repo(site.desk, who, kind, namespace, name, Verb.READ)
    head = await site.desk.repos.resolve(repo.id, "main")
    facts = await cards.facts(repo, head)
    entries = await site.desk.repos.tree(repo.id, head, "", recursive=True)
    files = [entry for entry in entries if not entry.folder]
    kin = await kin_of(site.desk, who, repo, facts.base_models)
    summary = await site.desk.index.summary(repo.id)
    results = [*facts.results, *(shown(each) for each in await cards.filed_results(repo, head) if "data" in each)]
    trained = [(name, await page_of(site.desk, who, Kind.DATASET, name)) for name in facts.datasets[:CHIPS]]
    has_readme = any(entry.path == README for entry in files)
    text = await readmes.of(repo, head) if has_readme else None
    return await site.page(
        request, "repo.html", card=text, has_readme=has_readme, results=results, facts=facts, chips=chips(kind, facts),
        ways=ways(kind, repo.full, facts, site.desk.names.hub_url), lineage=lineage(repo, facts, kin),
        users=kin.users, trained=trained, size=sum(entry.size for entry in files),
        count=len(files), parameters=spoken_count(summary.parameters if summary else 0), sub=_sub(repo, facts),
        **told(repo, "card"),
    )  # fmt: skip


def told(repo: Repo, tab: str) -> dict[str, Any]:
    """What the head of a model or dataset needs, on each of its pages."""
    page = f"/{repo.kind.prefix}{repo.full}"
    tabs = [("card", page, "Card"), ("files", f"{page}/tree/main", "Files")]
    shown = {"namespace": repo.namespace, "name": repo.name, "full": repo.full, "private": repo.private}
    return {"repo": shown | {"kind": repo.kind, "page": page}, "tabs": tabs, "tab": tab, "section": repo.kind.plural}


def _sub(repo: Repo, facts: Facts) -> Sequence[str]:
    """The line under the name."""
    pretty = facts.card.get("pretty_name")
    said = facts.pipeline if repo.kind is Kind.MODEL else pretty if isinstance(pretty, str) else ""
    kind = repo.kind.value.capitalize()
    return [kind, *([said] if said else []), f"Updated {spoken_moment(repo.updated_at)}"]


def spoken_count(number: int) -> str:
    """Three digits and a unit: 22.7 M; empty for none."""
    value, units = float(number), ["", "K", "M", "B", "T"]
    while value >= 1000 and len(units) > 1:  # noqa: PLR2004 - each unit is a thousand of the last
        value, units = value / 1000, units[1:]
    return "" if not number else f"{value:.3g}\u00a0{units[0]}".strip()


def chips(kind: Kind, facts: Facts) -> Sequence[tuple[str, str]]:
    """Each tag, and the list of what has it, too. What the facts beside them say already is left out."""
    said = {f"license:{facts.licence}", facts.library, facts.pipeline}
    tags = [tag for tag in facts.tags if tag not in said and not tag.startswith(("base_model:", "dataset:"))]
    return [(tag, f"/{kind.plural}?{urlencode({'tag': tag})}") for tag in tags[:CHIPS]]
