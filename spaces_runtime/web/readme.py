"""A README as HTML that is safe to show: Markdown as GitHub writes it, nothing that runs, nothing from elsewhere. Pure.

The author's HTML goes the same way as ours, through one list of what is allowed; addresses are rewritten after that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from posixpath import dirname, join, normpath
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.gfm import gfm_plugin

LARGEST: Final = 128 * 1024  # characters below the front matter; the parser is quadratic in some of them
PREFIX: Final = "readme-"  # of every id: an author's `id="main"` must not be the page's
LANDMARKS: Final = frozenset({"article", "aside", "footer", "header", "hgroup", "nav", "area", "map", "summary"})
TAGS: Final = frozenset((nh3.ALLOWED_TAGS - LANDMARKS) | {"section", "summary", "video", "audio", "source", "picture"})
ALIGNED: Final = frozenset("p div h1 h2 h3 h4 h5 h6 th td tr table img".split())  # noqa: SIM905 - read as a list
SIZED: Final = frozenset({"img", "video", "th", "td", "table"})
ATTRIBUTES: Final = {
    "*": {"id", "title", "lang", "dir"},
    "a": {"href", "name"},
    "img": {"src", "alt"},
    "video": {"src", "controls", "muted", "loop", "poster"},
    "audio": {"src", "controls"},
    "source": {"src", "type", "media", "srcset"},
    "details": {"open"},
    "ol": {"start"},
    "th": {"colspan", "rowspan", "scope"},
    "td": {"colspan", "rowspan"},
}
SOURCES: Final = ("src", "poster", "srcset")
ALERT: Final = "markdown-alert"
KINDS: Final = ("note", "tip", "important", "warning", "caution")
CLASSES: Final = {"div": {"scroll", ALERT, *(f"{ALERT}-{kind}" for kind in KINDS)}, "p": {f"{ALERT}-title"}}
TABLE: Final = {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Table"}
ONLY: Final = {"div": {"tabindex": {"0"}, "role": {"region"}, "aria-label": {"Table"}}}
SCHEMES: Final = {"http", "https", "mailto"}
SLUG: Final = re.compile(r"[^\w\- ]+")
DEEPEST: Final = 6
LISTED: Final = 2  # headings of the card's first two levels stand in its list of contents
BLOCK: Final = re.compile(r"\A\ufeff?---[ \t]*\r?\n.*?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a README stands. page: of its repo, from the root; hub: scheme and host; path: in the repo."""

    page: str
    hub: str
    revision: str
    path: str = "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """An entry of the list of contents."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """html: for the page, as it is. headings: the first two levels, in order."""

    html: str
    headings: tuple[Heading, ...]


def body_of(text: str) -> str:
    """A README without its front matter."""
    return BLOCK.sub("", text, count=1)


def shown(body: str, place: Place) -> Shown | None:
    """None when it is too large to be read as Markdown: it is text then."""
    if len(body) > LARGEST:
        return None
    parser = _parser()
    tokens = parser.parse(body)
    headings = _headed(tokens)
    tokens = [made for token in tokens for made in _plainer(token)]
    for at, token in enumerate(tokens):
        if token.type == "list_item_open" and "checked" in token.meta:
            _ticked(tokens[at:], checked=bool(token.meta.pop("checked")))
        elif token.type == "inline":
            _without_foreign_images(token, place)
    html = nh3.clean(
        parser.renderer.render(tokens, parser.options, {}),
        tags=set(TAGS),
        attributes=_attributes(),
        attribute_filter=partial(_attribute, place),
        link_rel="nofollow ugc noopener noreferrer",
        url_schemes=SCHEMES,
        allowed_classes=CLASSES,
        tag_attribute_values=ONLY,
        set_tag_attribute_values={"img": {"loading": "lazy"}, "pre": {"tabindex": "0"}},
        id_prefix=PREFIX,
    )
    return Shown(html=html, headings=headings)


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).use(gfm_plugin)


@cache
def _attributes() -> dict[str, set[str]]:
    found = {tag: set(names) for tag, names in ATTRIBUTES.items()}
    for tag in ALIGNED:
        found.setdefault(tag, set()).add("align")
    for tag in SIZED:
        found.setdefault(tag, set()).update({"width", "height"})
    return found


def _headed(tokens: Sequence[Token]) -> tuple[Heading, ...]:
    """Gives each heading its id, and moves it one level down: the page has its own first heading."""
    used: Counter[str] = Counter()
    found = []
    for token, inner in pairwise(tokens):
        if token.type == "heading_open":
            said = "".join(child.content for child in inner.children or () if child.type in ("text", "code_inline"))
            slug = SLUG.sub("", said.strip().lower()).replace(" ", "-")
            token.attrs["id"] = f"{slug}-{used[slug]}" if used[slug] else slug
            used[slug] += 1
            if int(token.tag[1]) <= LISTED and said.strip():
                found.append(Heading(id=f"{PREFIX}{token.attrs['id']}", text=said.strip()))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, DEEPEST)}"
    return tuple(found)


def _plainer(token: Token) -> Sequence[Token]:
    """Columns are aligned by attribute: pages allow no style. Wide tables scroll by themselves, also by keyboard."""
    if token.type == "table_open":
        return Token("scroll_open", "div", 1, attrs=dict(TABLE)), token
    if token.type == "table_close":
        return token, Token("scroll_close", "div", -1)
    style = token.attrs.pop("style", None) if token.type in ("th_open", "td_open") else None
    if isinstance(style, str):
        token.attrs["align"] = style.rpartition(":")[2]
    return (token,)


def _ticked(tokens: Sequence[Token], *, checked: bool) -> None:
    """A task's box is a sign before its words: a control without a label says nothing to a screen reader."""
    inline = next((token for token in tokens if token.type == "inline"), None)
    if inline is not None and inline.children is not None:
        inline.children.insert(0, Token("text", "", 0, content="☑ " if checked else "☐ "))


def _without_foreign_images(inline: Token, place: Place) -> None:
    """An image of another server would tell it who reads here: it becomes a link, or its words inside of a link."""
    children, inside = [], False
    for child in inline.children or ():
        inside = child.type == "link_open" or (inside and child.type != "link_close")
        source = str(child.attrs.get("src", "")) if child.type == "image" else ""
        if child.type != "image" or address(source, place, served=True) is not None:
            children.append(child)
            continue
        words = Token("text", "", 0, content=child.content or urlsplit(source).netloc or "image")
        link = Token("link_open", "a", 1, attrs={"href": source})
        children += [words] if inside else [link, words, Token("link_close", "a", -1)]
    inline.children = children


def _attribute(place: Place, tag: str, name: str, value: str) -> str | None:
    if name == "srcset":
        first, _, more = value.strip().partition(" ")  # one candidate is enough for a README
        found = None if "," in more else address(first, place, served=True)
        return f"{found} {more}".strip() if found else None
    if name in SOURCES:
        return address(value, place, served=True)
    if tag == "a" and name == "href":
        return f"#{PREFIX}{value[1:]}" if value.startswith("#") else address(value, place, served=False)
    return value


def address(url: str, place: Place, *, served: bool) -> str | None:
    """Where an address of the README leads. served: the page loads it, so only this hub will do; None otherwise."""
    url = url.strip().replace("\\", "/")
    parts = urlsplit(url) if _parses(url) else None
    if parts is None:
        return None
    if parts.scheme or parts.netloc:
        ours = url == place.hub or url.startswith(place.hub.rstrip("/") + "/")
        return url if ours or not served else None
    if url.startswith("/") or not parts.path:
        return url
    path = normpath(join("/", dirname(place.path), unquote(parts.path))).lstrip("/")
    verb = "resolve" if served else "tree" if not path or parts.path.endswith("/") else "blob"
    base = f"{place.page}/{verb}/{quote(place.revision, safe='')}"
    query, fragment = parts.query and f"?{parts.query}", parts.fragment and f"#{parts.fragment}"
    return f"{base}/{quote(path)}{query}{fragment}".rstrip("/")


def _parses(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True
