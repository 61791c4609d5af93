"""One request and its answer: between a visitor's connection and an app's.

Bytes go on in the loop turn in which they came, both ways; only what cannot be sent yet is parked. Nothing here
awaits, and nothing makes a task.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from spaces_runtime.domain.handing import Handed, Passed, is_worth_passing
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.gateway.bodies import Bodies
from spaces_runtime.gateway.door import Door
from spaces_runtime.gateway.head import Field, Head, named
from spaces_runtime.gateway.headers import Back, Framing, Toward, request_head, response_head, switched_head
from spaces_runtime.gateway.reply import Reply, refusal
from spaces_runtime.gateway.upstream import Pool, Upstream

if TYPE_CHECKING:
    from spaces_runtime.gateway.connection import Connection

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
# Why reading from a visitor pauses: body parked, app slow, a request waits its turn, the hub reads this body by itself.
PARKED, SLOW, BEHIND, PASSED = 1, 2, 4, 8
IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A way to an upstream. space: None for the hub and in a bare gateway. hands: it may hand us blobs to send.

    bodies: how large bodies are handed to it; None: they are not.
    """

    pool: Pool
    toward: Toward
    back: Back
    space: SpaceId | None = None
    hands: bool = False
    bodies: Bodies | None = None


class Holder(Protocol):
    """What keeps an exchange until it can go on."""

    @property
    def endless(self) -> bool: ...  # nobody waits for its end
    def end(self) -> None: ...  # the visitor left, or it goes on


class Stream(Protocol):
    """What outlives or watches the app's side: a heartbeat kept while the app sleeps, a WebSocket."""

    @property
    def endless(self) -> bool: ...  # nobody waits for its end
    def keep(self) -> bool: ...  # the app's side has ended: True when the visitor's side stays
    def from_visitor(self, data: bytes) -> bool: ...  # False: not to be passed on now
    def from_app(self, data: bytes) -> None: ...
    def ready(self) -> None: ...  # the visitor takes more again
    def end(self) -> None: ...


class Host(Protocol):
    """Who decides about exchanges."""

    def receive(self, exchange: Exchange) -> None: ...
    def not_dialled(self, exchange: Exchange, why: str) -> None: ...
    def left(self, exchange: Exchange) -> None: ...  # it is out of the door
    def switched(self, exchange: Exchange) -> None: ...  # it is a tunnel from here on
    def handed(self, exchange: Exchange, blob: Handed, status: int, fields: list[Field]) -> None: ...  # to be sent


class Exchange:
    """It lives on the connection's queue from its head to its end. See Errand for what the app's side calls."""

    __slots__ = (
        "_chunked", "_connection", "_handed", "_parked", "_parked_size", "_retried", "answered", "body_done",
        "counted", "deadline", "door", "head", "held_at", "holder", "host", "lane", "over", "sent_at", "sent_body",
        "status", "stream", "took", "upstream", "used", "way",
    )  # fmt: skip

    def __init__(self, connection: Connection, head: Head, host: Host) -> None:
        self._connection, self.head, self.host = connection, head, host
        self._parked: list[bytes] = []
        self._parked_size = 0
        self._chunked = self._retried = False
        self._handed: tuple[Handed, int, list[Field]] | None = None  # waits for the end of the hub's answer
        self.body_done = not head.has_body
        self.answered = self.over = self.sent_body = False
        self.used = self.counted = False  # counts as activity; is counted so now
        self.lane: Lane | None = None
        self.door: Door | None = None
        self.upstream: Upstream | None = None
        self.holder: Holder | None = None
        self.stream: Stream | None = None
        self.deadline = 0.0
        self.way, self.status = "", 0  # which way it went, and what was answered: both are counted
        self.held_at = self.sent_at = self.took = 0.0  # seconds of time.monotonic; took: until the app answered

    @property
    def connection(self) -> Connection:
        return self._connection

    @property
    def endless(self) -> bool:
        """It never ends by itself, so a gateway that ends does not wait for it."""
        return any(part is not None and part.endless for part in (self.stream, self.holder))

    @property
    def bodiless(self) -> bool:
        return self.head.method == b"HEAD"

    def go(self, lane: Lane) -> None:
        """Send it along this lane."""
        self.lane = lane
        if lane.bodies is not None and is_worth_passing(self.head.method, self.head.path, self.head.length):
            self._connection.pause(PASSED)
            lane.pool.go_fresh(self)  # later, when all that was read is parked; and never over one the hub has closed
        else:
            lane.pool.go(self)

    # The visitor's side.

    def visitor_body(self, data: bytes) -> None:
        """A piece of the request's body."""
        if self.over:
            return
        if self.upstream is None:
            self._park(data)
            return
        self.sent_body = True
        self.upstream.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self.head.length is None else data)

    def visitor_done(self) -> None:
        """The request's body is complete."""
        self.body_done = True
        if self.upstream is not None and self.head.length is None:
            self.upstream.transport.write(LAST_CHUNK)

    def visitor_slow(self) -> None:
        """The visitor takes no more for now."""
        if self.upstream is not None:
            self.upstream.transport.pause_reading()

    def visitor_ready(self) -> None:
        """The visitor does again."""
        if self.upstream is not None:
            self.upstream.transport.resume_reading()
        elif self.stream is not None:
            self.stream.ready()

    def visitor_gone(self) -> None:
        """The visitor left: the app hears of it at once."""
        self._end()

    def from_visitor(self, data: bytes) -> None:
        """Bytes of a tunnel."""
        if (self.stream is None or self.stream.from_visitor(data)) and self.upstream is not None:
            self.upstream.transport.write(data)

    def interim(self) -> None:
        """Keep the visitor's client from giving up; HTTP/1.0 knows no such answer."""
        if not self.head.http10 and not self.answered:
            self._connection.write(CONTINUE)

    def reply(self, reply: Reply) -> None:
        """Answer it ourselves, whole."""
        keep = self.body_done and not reply.close and self._connection.keeps(self.head)
        self.answered, self.status = True, reply.status
        word = self._connection_word(keep=keep)
        self._connection.write(reply.rendered(connection=word, with_body=self.head.method != b"HEAD"))
        self._finished(keep=keep)

    def open_stream(self, fields: list[Field], back: Back) -> None:
        """Answer with an event stream that we write ourselves, by body()."""
        self.answered, self.status = True, 200
        self._chunked = not self.head.http10
        word = b"close" if self.head.http10 else b""
        self._connection.write(
            response_head(200, b"OK", fields, back, Framing(chunked=self._chunked), connection=word, cors=False)
        )

    def open_body(self, status: int, fields: list[Field], back: Back, length: int) -> None:
        """Answer with a body of known length that we write ourselves, by body() and finish()."""
        self.answered, self.status = True, status
        keep = self.body_done and self._connection.keeps(self.head)
        if not keep:
            self._connection.closing = True
        framing = Framing(length=b"%d" % length)
        word = self._connection_word(keep=keep)
        reason = HTTPStatus(status).phrase.encode()
        self._connection.write(response_head(status, reason, fields, back, framing, connection=word, cors=False))

    # The app's side.

    def sent_over(self, upstream: Upstream) -> None:
        """A connection stands: send all there is."""
        if self.over or self.lane is None:
            upstream.release(reusable=False)
            return
        self.upstream = upstream
        passed = self._pass_on(self.lane.bodies)
        out = [request_head(self.head, self.lane.toward, self._connection.peer, passed)]
        for data in self._parked:
            self.sent_body = True
            out.append(b"%x\r\n%b\r\n" % (len(data), data) if self.head.length is None else data)
        if self.body_done and self.head.length is None:
            out.append(LAST_CHUNK)
        self._parked, self._parked_size = [], 0
        self.sent_at = monotonic()
        upstream.transport.write(b"".join(out))
        if self._connection.is_full:
            upstream.transport.pause_reading()
        if self.head.expects and not self.body_done and not self.sent_body:
            self.interim()
        self.sent_body |= passed is not None  # what the hub reads cannot be sent once more
        self._connection.resume(PARKED if passed else PARKED | PASSED)

    def _pass_on(self, bodies: Bodies | None) -> Passed | None:
        """Let the hub read what is still to come of this body; None: we read it."""
        rest = (self.head.length or 0) - sum(map(len, self._parked))
        worth = is_worth_passing(self.head.method, self.head.path, self.head.length)
        if bodies is None or not worth or rest <= 0:
            return None
        return bodies.give(self._connection.fileno(), rest)

    def not_dialled(self, why: str) -> None:
        """No connection could be made."""
        if not self.over:
            self.host.not_dialled(self, why)

    def hint(self, status: int, reason: bytes, fields: list[Field]) -> None:
        """1xx before the answer: passed on, but for 100, which is ours to say."""
        if status != 100 and not self.head.http10 and not self.answered and self.lane is not None:  # noqa: PLR2004
            head = response_head(status, reason, fields, self.lane.back, Framing(), connection=b"", cors=False)
            self._connection.write(head)

    def answer(self, status: int, reason: bytes, fields: list[Field], *, sized: bool, ends: bool) -> None:
        """The head of the app's answer. sized: it has a Content-Length; ends: no body follows."""
        if self.lane is None or self.over:
            return
        self.took = monotonic() - self.sent_at
        if self.lane.hands and (blob := named(fields)) is not None:
            self._handed = (blob, status, fields)
            return
        if self.stream is not None and (status != 200 or sized or ends):  # noqa: PLR2004
            self.stream.end()  # no heartbeat after all
        if self.answered:  # a heartbeat taken up again after a sleep: the visitor has its head already
            if status != 200:  # noqa: PLR2004
                self.cut("")
            return
        self.answered, self.status = True, status
        length = next((value for lower, _, value in fields if lower == b"content-length"), b"") if sized else b""
        self._chunked = not (sized or ends or self.head.http10)
        keep = self.body_done and (sized or ends or self._chunked) and self._connection.keeps(self.head)
        framing = Framing(length=b"" if status == 204 else length, chunked=self._chunked)  # noqa: PLR2004
        cors = self.lane.back.private and bool(self.head.get(b"origin"))
        word = self._connection_word(keep=keep)
        if not keep:
            self._connection.closing = True
        self._connection.write(
            response_head(status, reason, fields, self.lane.back, framing, connection=word, cors=cors)
        )

    def body(self, data: bytes) -> None:
        """A piece of the answer's body, passed on in this loop turn."""
        if not self.over and not self.bodiless and self._handed is None:
            self._connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def finish(self) -> None:
        """The app's answer is complete."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.release(reusable=self.body_done)
        if self._handed is not None and not self.over:
            (blob, status, fields), self._handed = self._handed, None
            self.host.handed(self, blob, status, fields)
            return
        if self.over or (self.stream is not None and self.stream.keep()):
            return
        if self._chunked:
            self._connection.write(LAST_CHUNK)
        self._finished(keep=not self._connection.closing)

    def switch(self, reason: bytes, fields: list[Field]) -> None:
        """101: both sides speak another protocol from here on."""
        if self.lane is None or not self.head.upgrade:
            self.broken("The app changed the protocol unasked.")
            return
        self.answered, self.status, self.took = True, 101, monotonic() - self.sent_at
        self._connection.write(switched_head(reason, fields, self.lane.back))
        self.host.switched(self)
        self._connection.tunnel(self)

    def from_app(self, data: bytes) -> None:
        """Bytes of a tunnel."""
        if self.stream is not None:
            self.stream.from_app(data)
        self._connection.write(data)

    def broken(self, why: str) -> None:
        """The app's side ended before its answer did: try once more, or let the visitor's client see it."""
        upstream, self.upstream = self.upstream, None
        self._handed = None  # what is tried once more may be answered otherwise
        if self.over:
            return
        if self.answered:
            if self.stream is None or not self.stream.keep():
                self._end()
                self._connection.close()  # without a last chunk, so that the client can tell
            return
        reused = upstream is not None and upstream.uses > 1
        if reused and not self._retried and not self.sent_body and self.lane is not None and self._may_repeat():
            self._retried = True
            self.lane.pool.go_fresh(self)
        else:
            self.reply(refusal(self.head, 502, why))

    def slow(self) -> None:
        """The app takes no more for now."""
        self._connection.pause(SLOW)

    def ready(self) -> None:
        """It does again."""
        self._connection.resume(SLOW)

    def cut(self, why: str) -> None:
        """Time is over for who is inside."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abort()
        if self.over:
            return
        if self.answered:
            self._end()
            self._connection.close()
        else:
            self.reply(refusal(self.head, 503, why, retry=1))

    def _may_repeat(self) -> bool:
        """A request that no app has begun: its method does no harm twice, or it carried nothing yet."""
        return self.head.method in IDEMPOTENT or (self.head.has_body and not self.sent_body)

    def _connection_word(self, *, keep: bool) -> bytes:
        if not keep:
            return b"close"
        return b"keep-alive" if self.head.http10 else b""

    def _park(self, data: bytes) -> None:
        self._parked.append(data)
        self._parked_size += len(data)
        if self._parked_size >= self._connection.most_parked:
            self._connection.pause(PARKED)

    def _finished(self, *, keep: bool) -> None:
        self._end()
        self._connection.done(self, keep=keep)

    def _end(self) -> None:
        """Out of every door and list; once."""
        if self.over:
            return
        self.over = True
        self._parked = []
        if self.upstream is not None:
            self.upstream.abort()
            self.upstream = None
        if self.holder is not None:
            self.holder.end()
        if self.stream is not None:
            self.stream.end()
        self.host.left(self)
