"""Says what is being done, and for how long already, while a person waits."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 1.0  # seconds after which a step is shown as under way
AGAIN = 10.0  # seconds between lines where lines cannot be rewritten


class Progress:
    """Steps one after the other. A terminal sees one line that counts; a file or pipe gets a line now and then."""

    def __init__(self) -> None:
        self._rewrites = sys.stdout.isatty()
        self._now = ""

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Print what, and how long it took; while it takes longer than a second, that it goes on."""
        began = time.monotonic()
        done = threading.Event()
        self._now = ""
        counter = threading.Thread(target=self._count, args=(what, began, done), daemon=True)
        counter.start()
        try:
            yield
        except BaseException:
            _stop(counter, done)
            self._print(f"NOT  {what} ({_since(began)})", final=True)
            raise
        _stop(counter, done)
        self._print(f"ok   {what} ({_since(began)})", final=True)

    def now(self, detail: str) -> None:
        """What the step is at; shown beside it."""
        self._now = detail

    def say(self, line: str) -> None:
        """A line of its own."""
        self._print(line, final=True)

    def _count(self, what: str, began: float, done: threading.Event) -> None:
        shown = ""
        next_at = PATIENCE
        while not done.wait(0.2):
            passed = time.monotonic() - began
            if passed < PATIENCE or (passed < next_at and (self._now == shown or self._rewrites)):
                continue
            shown, next_at = self._now, passed + (1.0 if self._rewrites else AGAIN)
            self._print(f"...  {what}{': ' + shown if shown else ''} ({passed:.0f} s)", final=False)

    def _print(self, line: str, *, final: bool) -> None:
        if self._rewrites:
            print(f"\r\x1b[2K{line}", end="\n" if final else "", flush=True)
        else:
            print(line, flush=True)


def _stop(counter: threading.Thread, done: threading.Event) -> None:
    done.set()
    counter.join()


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"
