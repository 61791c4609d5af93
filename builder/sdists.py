"""Finds a package's source distribution on the indexes, for what has no wheel. Reads pages; runs nothing."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import Version

from builder.download import opened
from builder.sources import Sources

PUBLIC: Final = "https://pypi.org/simple"
LARGEST: Final = 50_000_000  # bytes of a page
HTML: Final = "text/html, application/vnd.pypi.simple.v1+html;q=0.9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """sha256: empty where the index did not tell."""

    name: str
    version: Version
    file: str
    url: str
    sha256: str
    python: str = ""  # versions of Python that it is for


def newest(
    name: str, allowed: SpecifierSet, python: str, sources: Sources, *, prereleases: bool = False
) -> Sdist | None:
    """The newest that is allowed. python: the exact version. None: there is none. Raises: OSError, an index is away."""
    fit = [each for each in offered(name, sources) if _takes(each.python, python)]
    wanted = set(allowed.filter((each.version for each in fit), prereleases=prereleases or None))
    return max((each for each in fit if each.version in wanted), key=lambda each: each.version, default=None)


def offered(name: str, sources: Sources) -> Iterator[Sdist]:
    """All there are, from every index and folder."""
    for index in (sources.index or PUBLIC, *sources.extra):
        yield from _page(f"{index.rstrip('/')}/{canonicalize_name(name)}/", name, sources)
    for place in sources.links:
        folder = Path(unquote(place.removeprefix("file://")))
        if folder.is_dir():
            yield from (found for file in sorted(folder.iterdir()) if (found := _sdist(name, file.name, file.as_uri())))
        elif "://" in place:
            yield from _page(place, name, sources)


def _page(url: str, name: str, sources: Sources) -> Iterator[Sdist]:
    parts = urlsplit(url)
    file = f"{url.rstrip('/')}/index.html" if parts.scheme == "file" and url.endswith("/") else url
    try:
        with opened(file, f"the page of {name}", sources, accept=HTML) as answer:
            base = getattr(answer, "url", url)
            text = answer.read(LARGEST).decode(errors="replace")
    except FileNotFoundError:
        return
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404, 410):  # this index does not have it
            return
        raise
    reader = _Links()
    reader.feed(text)
    for link, needs in reader.found:
        address = urljoin(base, link)
        file = unquote(urlsplit(address).path.rpartition("/")[2])
        if found := _sdist(name, file, address, needs):
            yield found


def _sdist(name: str, file: str, url: str, needs: str = "") -> Sdist | None:
    try:
        called, version = parse_sdist_filename(file)
    except InvalidSdistFilename:
        return None
    if called != canonicalize_name(name):
        return None
    digest = urlsplit(url).fragment.removeprefix("sha256=") if "#sha256=" in url else ""
    bare = urlsplit(url)._replace(fragment="").geturl()
    return Sdist(name=called, version=version, file=file, url=bare, sha256=digest, python=needs)


def _takes(needs: str, python: str) -> bool:
    try:
        return SpecifierSet(needs).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True  # as pip: what cannot be read forbids nothing


class _Links(HTMLParser):
    """Every link with what its author says of Python; withdrawn files are not there."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        link = told.get("href")
        if tag == "a" and link and "data-yanked" not in told:
            self.found.append((link, told.get("data-requires-python") or ""))
