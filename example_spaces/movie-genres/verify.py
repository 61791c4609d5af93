#!/usr/bin/env python3
"""Asks a running copy of this Space what it promises. `verify.py OWNER/NAME|URL`; HF_ENDPOINT and HF_TOKEN as usual."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gradio_client import Client

FILMS = 600
FLOOR = 0.3  # agreement of 8 clusters with the genres; by chance it is 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What /cluster gave: for each film its cluster and place, and the table of clusters."""

    films: dict[tuple[str, int], str]
    places: list[tuple[float, float]]
    genres: list[str]
    clusters: int
    result: str

    @property
    def labels(self) -> list[str]:
        return list(self.films.values())


def ask(app: Client, encoder: str, count: int) -> Answer:
    """One prediction, and what must hold of each."""
    began = time.monotonic()
    plot, groups, films, result = app.predict(encoder, count, api_name="/cluster")
    seconds = time.monotonic() - began
    at = plot["columns"].index
    rows = films["data"]
    answer = Answer(
        films={(row[1], row[2]): row[0] for row in rows},
        places=[(row[at("x")], row[at("y")]) for row in plot["data"]],
        genres=[row[3] for row in rows],
        clusters=len(groups["data"]),
        result=result,
    )
    name = f"{encoder}, {count} clusters"
    expect(len(rows) == len(plot["data"]) == FILMS, f"{name}: {FILMS} films and as many points")
    expect(answer.clusters == len(set(answer.labels)) == count, f"{name}: as many clusters as asked for")
    expect(sum(row[1] for row in groups["data"]) == FILMS, f"{name}: every film is in one cluster")
    expect(len(set(answer.places)) > FILMS // 2, f"{name}: points lie apart")
    print(f"  ok  {name}: {result.split(':')[-1].split('.')[0].strip()}... ({seconds:.1f} s)", flush=True)
    return answer


def expect(holds: bool, promise: str) -> None:
    """A promise that does not hold ends the check."""
    if not holds:
        raise SystemExit(f"verify: does not hold: {promise}")


def purity(answer: Answer) -> float:
    """The part of the films whose genre is the commonest of their cluster, 0..1."""
    most: dict[str, dict[str, int]] = {}
    for label, genre in zip((row for row in answer.labels), answer.genres, strict=True):
        counts = most.setdefault(label, {})
        counts[genre] = counts.get(genre, 0) + 1
    return sum(max(counts.values()) for counts in most.values()) / len(answer.labels)
