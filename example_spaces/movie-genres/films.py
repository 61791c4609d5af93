"""The films: real ones, read from a dataset repo on the hub this Space runs on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download

SHOWN = 600  # the best known ones, by number of votes: visitors recognise them


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One film. kind: of story, e.g. Historical Fiction; source: what it was made from."""

    title: str
    year: int
    genre: str
    kind: str
    source: str
    votes: int

    @property
    def text(self) -> str:
        """What the encoder reads. Neither title nor year: films are compared by their genre alone."""
        return f"{self.genre} film, {self.kind}, {self.source}"


def load(dataset: str) -> tuple[Film, ...]:
    """The films of this dataset repo (namespace/name), the best known first."""
    return read(Path(hf_hub_download(dataset, "movies.json", repo_type="dataset")))


def read(path: Path) -> tuple[Film, ...]:
    """Films without one of the facts that are compared are left out. Titles such as 300 are numbers in the file."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    needed = ("Title", "Release Date", "Major Genre", "Creative Type", "Source", "IMDB Votes")
    films = [
        Film(
            title=str(row["Title"]),
            year=int(row["Release Date"].split()[-1]),
            genre=row["Major Genre"],
            kind=row["Creative Type"],
            source=row["Source"],
            votes=row["IMDB Votes"],
        )
        for row in rows
        if all(row.get(name) for name in needed)
    ]
    return tuple(sorted(films, key=lambda film: (-film.votes, film.title))[:SHOWN])
