"""The page a browser gets while its Space wakes, and the event stream that moves it. Self-contained, under 8 KB."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from spaces_runtime.domain.events import StageChanged
from spaces_runtime.domain.route import Face, Route
from spaces_runtime.gateway.exchange import Exchange
from spaces_runtime.gateway.hold import Asker, News
from spaces_runtime.gateway.reply import Reply
from spaces_runtime.gateway.table import Table

STREAM = b"/.spaces/wait"
COLORS = {
    "red": "#ee5d5d", "yellow": "#f3c53d", "green": "#3dba83", "blue": "#3f8ff0", "indigo": "#6a70ee",
    "purple": "#a56cea", "pink": "#ee6fae", "gray": "#98a5a0",
}  # fmt: skip
WHY = "It was asleep. The page opens by itself."
ALIVE = b": still waiting\n\n"
BEAT = 5.0  # seconds between signs of life
POLICY = (
    "default-src 'none'; style-src 'nonce-{0}'; script-src 'nonce-{0}'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)


class WaitingPage:
    """Renders it."""

    def __init__(self) -> None:
        text = files("spaces_runtime.gateway").joinpath("waiting.html").read_text("utf-8")
        self._template = Environment(autoescape=True, undefined=StrictUndefined).from_string(text)

    def render(self, route: Route, *, nonce: str, ancestors: bytes, spent: float, why: str = "") -> Reply:
        """nonce: fresh and unguessable. ancestors: who alone may frame it. spent: seconds waited so far."""
        face = route.face
        body = self._template.render(
            title=f"Waking {face.title or route.name}",
            nonce=nonce,
            color_from=COLORS.get(face.color_from, COLORS["gray"]),
            color_to=COLORS.get(face.color_to, COLORS["gray"]),
            emoji=_emoji(face),
            why=why or route.waits or WHY,
            spent=round(spent, 1),
            usual=round(face.usual, 1),
            name=route.name,
            page=route.page,
        )
        policy = POLICY.format(nonce).encode() + (b"; frame-ancestors " + ancestors if ancestors else b"")
        fields = (
            (b"Content-Type", b"text/html; charset=utf-8"),
            (b"Cache-Control", b"no-store"),
            (b"Content-Security-Policy", policy),
            (b"Referrer-Policy", b"no-referrer"),
            (b"Retry-After", b"2"),
        )
        return Reply(status=503, body=body.encode(), fields=fields)


def _emoji(face: Face) -> str:
    return face.emoji or (face.title[:1].upper() if face.title else "")


class WaitStream:
    """Tells one waiting page what happens. Its being open is no activity, but a lost wake is asked for again."""

    def __init__(
        self, exchange: Exchange, route: Route, *, table: Table, asker: Asker, news: News, clock: Callable[[], float],
        patience: float,
    ) -> None:  # fmt: skip
        self._exchange, self._route = exchange, route
        self._table, self._asker, self._news, self._clock = table, asker, news, clock
        self._steps: list[tuple[str, float]] = []
        self._waits = ""
        self._loop = asyncio.get_running_loop()
        self._asks_until = self._loop.time() + patience
        self._timer = self._loop.call_later(BEAT, self._beat)

    @property
    def endless(self) -> bool:
        """The page connects again."""
        return True

    def begin(self) -> None:
        """Watch the Space and tell."""
        self._exchange.holder = self
        self._table.wait(self._route.space, self)
        self._news.join(self._route.space, self)
        self.look()

    def look(self) -> None:
        """The door or the route has changed."""
        if self._exchange.over:
            return
        route = self._table.lookup(self._exchange.head.host)
        if route is None:
            self._last({"state": "ended", "why": "The Space is gone."})
        elif route.why:
            self._last({"state": "ended", "why": route.why})
        elif route.files or self._table.is_open(route):
            self._last({"state": "ready"})
        elif route.waits and route.waits != self._waits:
            self._waits = route.waits
            self._say({"why": route.waits})

    def news(self, event: StageChanged) -> None:
        """The reason shown has changed."""
        if not self._steps or self._steps[-1][0] != event.why:
            self._steps.append((event.why, event.at))
        now = self._clock()
        ends = [at for _, at in self._steps[1:]] + [now]
        done = [[why, max(0.0, end - at), "done"] for (why, at), end in zip(self._steps, ends, strict=True)]
        done[-1][1:] = [None, "now"]
        self._say({"why": event.why, "steps": done[-5:]})

    def end(self) -> None:
        """The page was closed, or needs no more."""
        self._timer.cancel()
        self._table.leave(self._route.space, self)
        self._news.leave(self._route.space, self)
        self._exchange.holder = None

    def _say(self, news: dict[str, object]) -> None:
        self._exchange.body(b"data: %b\n\n" % json.dumps(news, ensure_ascii=False).encode())

    def _last(self, news: dict[str, object]) -> None:
        self._say(news)
        self._exchange.finish()

    def _beat(self) -> None:
        self._exchange.body(ALIVE)
        if self._loop.time() < self._asks_until:
            self._asker.ask(self._route.space)
        self._timer = self._loop.call_later(BEAT, self._beat)
