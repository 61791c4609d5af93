"""What ten thousand repos cost the hub: a page of a listing, one repo's info, and the answer that there is none."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from typing import Final

import sqlalchemy as sa

from bench.platform import Platform, platform
from bench.rows import Row, at_most, median, row
from spaces_runtime.domain.layout import Layout
from spaces_runtime.store.database import Database, sqlite_url
from spaces_runtime.store.schema import facts, repos, tags

REPOS: Final = 10_000
REAL: Final = 20  # git repos behind them: each of the ten thousand is one of these by another name
ROUNDS: Final = 15  # of each address
CARDS: Final = ("mit", "apache-2.0", "cc-by-4.0", "other")
TASKS: Final = ("text-classification", "fill-mask", "text-generation", "image-classification")
LISTS: Final = {
    "first page": "/api/models",
    "a page of 100": "/api/models?limit=100",
    "filtered, by downloads": "/api/models?filter=license:mit&pipeline_tag=fill-mask&sort=downloads&limit=100",
    "searched": "/api/models?search=model-77&sort=likes&limit=100",
    "with cards": "/api/models?cardData=true&limit=500",
    "with files": "/api/models?full=true",
}


def rows() -> list[Row]:
    """hub.list, hub.info and hub.missing."""
    with platform() as at:
        _seed(at)
        deep = _deep_page(at)
        plain = _p50(at, ["/api/telemetry/bench"])
        lists = {name: _p50(at, [path]) for name, path in {**LISTS, "the last full page": deep}.items()}
        some = random.Random(1).sample(range(REPOS), ROUNDS)
        first = _p50(at, [f"/api/models/bench/model-{number}" for number in some], rounds=1)
        again = _p50(at, [f"/api/models/bench/model-{number}?blobs=true" for number in some])
        missing = _p50(at, ["/api/models/bench/none", "/bench/none/resolve/main/x", "/bench/model-1/resolve/main/none"])
    worst = max(lists.values())
    told = ", ".join(f"{name} {took:.1f}" for name, took in lists.items())
    shared = {"unit": "ms", "rival": "an answer that reads nothing", "rival_value": plain}
    return [
        row("hub.list", worst, **shared, target="≤ 100 ms", judge=at_most(100.0),
            note=f"{REPOS} models, p50 of each: {told}; the slowest counts"),
        row("hub.info", max(first, again), **shared, target="≤ 30 ms", judge=at_most(30.0),
            note=f"p50 of {ROUNDS} repos: the first time {first:.1f}, again with the sizes of files {again:.1f}"),
        row("hub.missing", missing, **shared, target="≤ 10 ms", judge=at_most(10.0),
            note="p50 of a repo and a file that are not there"),
    ]  # fmt: skip


def _p50(at: Platform, paths: Sequence[str], *, rounds: int = ROUNDS) -> float:
    """Milliseconds from the request to the last byte, each on a connection of its own, through the gateway."""
    took = []
    for _ in range(rounds):
        for path in paths:
            began = time.perf_counter()
            _, body = _get(at, path)
            took.append((time.perf_counter() - began) * 1000)
            json.loads(body or b"null")
    return median(took)


def _get(at: Platform, path: str) -> tuple[str, bytes]:
    connection = HTTPConnection("127.0.0.1", at.port, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {at.token}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status not in (200, 404):
        raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
    return answer.headers.get("Link", ""), body


def _deep_page(at: Platform) -> str:
    """The address of the last page that is full."""
    path, before = "/api/models?sort=lastModified", ""
    while link := _get(at, path)[0]:
        before, path = path, "/" + link.partition("<")[2].partition(">")[0].split("/", 3)[3]
    return before


def _seed(at: Platform) -> None:
    """A few real repos by the API, and the rest as rows that name them."""
    for number in range(REAL):
        at.api("POST", "/api/repos/create", {"name": f"real-{number}"})
    asyncio.run(_multiply(at))


async def _multiply(at: Platform) -> None:
    layout = Layout(at.data)
    database = Database(sqlite_url(layout.database))
    try:
        real = await database.read(lambda c: [dict(row._mapping) for row in c.execute(sa.select(repos))])  # noqa: SLF001
        for number in range(REPOS):
            target = layout.repos / f"{real[number % len(real)]['id']}.git"
            (layout.repos / f"bench{number}.git").symlink_to(target)
        await database.run(lambda c: _insert(c, real))
    finally:
        await database.close()


def _insert(connection: sa.Connection, real: Sequence[dict[str, object]]) -> None:
    chance, now = random.Random(0), time.time()
    new, said, tagged = [], [], []
    for number in range(REPOS):
        repo, name = f"bench{number}", f"model-{number}"
        like = real[number % len(real)]
        at = now - number * 60
        counts = {"downloads": chance.randrange(10_000), "likes": chance.randrange(100)}
        named = {"id": repo, "name": name, "folded": f"bench/{name}", "created_at": at, "updated_at": at, **counts}
        new.append({**like, **named})
        words = [f"license:{chance.choice(CARDS)}", chance.choice(TASKS), "transformers", "safetensors", "en"]
        words += [f"topic-{chance.randrange(500)}" for _ in range(4)]
        shown = {"tags": words, "library": "transformers", "pipeline": words[1], "weights": {"F32": number * 1000}}
        card = {"license": words[0], "tags": words[5:], "model-index": [{"name": name, "results": [{"x": 1}] * 5}]}
        said.append({"repo": repo, "head": like["head"], "shown": json.dumps(shown), "card": json.dumps(card)})
        tagged += [{"repo": repo, "tag": word, "kind": "model"} for word in set(words)]
    for table, many in ((repos, new), (facts, said), (tags, tagged)):
        connection.execute(table.insert(), many)
