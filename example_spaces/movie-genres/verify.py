#!/usr/bin/env python3
"""Asks a running copy of this Space what it promises: `verify.py OWNER/NAME`, or a URL.

HF_ENDPOINT and HF_TOKEN say which hub and who, as with every client. Exit 0 when all holds, 1 with the first promise
that does not. --first: one prediction and no more.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from math import log

from gradio_client import Client
from gradio_client.exceptions import AppError

FILMS = 600
FLOOR = 0.3  # agreement of 8 clusters with the genres; clusters drawn at random give 0.05
COUNTS = (4, 8)


class BrokenError(Exception):
    """A promise that does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What /cluster gave: each film's cluster and genre in one order, and all places drawn, sorted."""

    clusters: list[str]
    genres: list[str]
    places: list[tuple[float, float]]

    @property
    def partition(self) -> frozenset[frozenset[int]]:
        """Which films are together, whatever the clusters are called."""
        together: dict[str, set[int]] = {}
        for film, cluster in enumerate(self.clusters):
            together.setdefault(cluster, set()).add(film)
        return frozenset(frozenset(films) for films in together.values())


def main() -> int:
    """Check, and say what was checked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("space", help="OWNER/NAME or URL")
    parser.add_argument("--first", action="store_true", help="one prediction and no more")
    asked = parser.parse_args()
    app = Client(asked.space, token=os.environ.get("HF_TOKEN"), verbose=False)
    try:
        check_first(app) if asked.first else check_all(app)
    except BrokenError as broken:
        print(f"NOT  {broken}", file=sys.stderr)
        return 1
    return 0


def check_first(app: Client) -> None:
    """One real prediction."""
    here = [each["name"] for each in app.predict(api_name="/encoders") if each["here"]]
    expect(bool(here), "this hub has an encoder")
    ask(app, here[0], COUNTS[1])


def check_all(app: Client) -> None:
    """Every encoder that is here, two numbers of clusters; those that are not here refuse."""
    listed = app.predict(api_name="/encoders")
    here = [each["name"] for each in listed if each["here"]]
    expect(len(here) > 1, "this hub has two encoders or more")
    answers = {(name, count): ask(app, name, count) for name in here for count in COUNTS}
    for name in here:
        few, many = (answers[name, count] for count in COUNTS)
        expect(agreement(many.clusters, many.genres) > FLOOR, f"{name}: clusters follow the genres")
        expect(few.places == many.places, f"{name}: the number of clusters does not move the films")
    many = [answers[name, COUNTS[1]] for name in here]
    expect(len({answer.partition for answer in many}) == len(here), "each encoder groups in its own way")
    again = ask(app, here[0], COUNTS[1])
    expect(again.partition == many[0].partition, "asked again, the answer is the same")
    for each in listed:
        if not each["here"]:
            check_refusal(app, each["name"], each["command"])


def ask(app: Client, encoder: str, count: int) -> Answer:
    """One prediction, and what must hold of each."""
    name = f"{encoder}, {count} clusters"
    began = time.monotonic()
    plot, groups, films, _ = app.predict(encoder, count, api_name="/cluster")
    seconds = time.monotonic() - began
    x, y = plot["columns"].index("x"), plot["columns"].index("y")
    answer = Answer(
        clusters=[row[0] for row in films["data"]],
        genres=[row[3] for row in films["data"]],
        places=sorted((row[x], row[y]) for row in plot["data"]),
    )
    expect(len(answer.clusters) == len(answer.places) == FILMS, f"{name}: {FILMS} films, each a point")
    sizes = {row[0]: row[1] for row in groups["data"]}
    expect(sizes == Counter(answer.clusters), f"{name}: the table of clusters counts its films")
    expect(len(sizes) == count, f"{name}: {count} clusters")
    expect(len(set(answer.places)) > FILMS // 2, f"{name}: points lie apart")
    agreed = agreement(answer.clusters, answer.genres)
    print(f"ok   {name}: agreement with genres {agreed:.2f} ({seconds:.1f} s)", flush=True)
    return answer


def check_refusal(app: Client, encoder: str, command: str) -> None:
    """An encoder that is not here gives no vectors, and says how it comes here."""
    try:
        app.predict(encoder, COUNTS[0], api_name="/cluster")
    except AppError as refused:
        expect(command in str(refused), f"{encoder}: the refusal names the command, not: {refused}")
        print(f"ok   {encoder}: not on this hub, and says: {command}", flush=True)
    else:
        raise BrokenError(f"{encoder} is not on this hub and answers all the same")


def agreement(labels: list[str], genres: list[str]) -> float:
    """Normalised mutual information, worked out here and not by the app: 0 none, 1 the same partition."""
    total = len(labels)
    ours, theirs = Counter(labels), Counter(genres)
    both = Counter(zip(labels, genres, strict=True))
    shared = sum(n / total * log(total * n / (ours[a] * theirs[b])) for (a, b), n in both.items())
    return 2 * shared / (entropy(ours, total) + entropy(theirs, total))


def entropy(counts: Counter[str], total: int) -> float:
    """In nats."""
    return -sum(n / total * log(n / total) for n in counts.values())


def expect(holds: bool, promise: str) -> None:
    """A promise."""
    if not holds:
        raise BrokenError(promise)


if __name__ == "__main__":
    sys.exit(main())
