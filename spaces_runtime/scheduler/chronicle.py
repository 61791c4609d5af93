"""Notes and counts what happens to Spaces: in memory at once, in the database by and by.

Nothing on a visitor's way waits for it. A scheduler that is killed loses what it noted in its last second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from spaces_runtime.domain.actions import Action, Start, Stop, Suspend
from spaces_runtime.domain.figures import SLOW, Counter, Source, Spread
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.lesson import Crashed, Failed, Lesson
from spaces_runtime.domain.ports.durable import Timeline
from spaces_runtime.domain.space import Space
from spaces_runtime.domain.timeline import Happened, What

log = structlog.get_logger()
EVERY = 1.0  # seconds between writes
MOST = 10_000  # noted and not yet written; then the oldest go
COLD = "cold"
KNOWN_BY_OTHERS = ("an instance exited", "too slow to start")  # the lesson learnt from it says more
REASONS = {"idle": "nobody used it"}


class Chronicle:
    """clock: Unix seconds."""

    def __init__(self, timeline: Timeline, clock: Callable[[], float]) -> None:
        self._timeline, self._clock = timeline, clock
        self._new: deque[Happened] = deque(maxlen=MOST)
        self._started: dict[SpaceId, float] = {}  # by the last order, Unix seconds
        self._wakes = Spread("spaces_wake_seconds", "From a wish to wake to an open door.", "rung")
        self._ready = Spread(
            "spaces_start_seconds", "From the order to start to an open door, of what was no wake.", bounds=SLOW
        )
        self._starts = Counter("spaces_starts", "Instances that were ordered to start.")
        self._sleeps = Counter("spaces_sleeps", "Descents to a rung.", "rung")
        self._failures = Counter("spaces_rung_failures", "Rungs that an instance could not take or leave.", "rung")
        self._ends = Counter("spaces_ended", "Apps that ended by themselves.", "how")
        self._evictions = Counter("spaces_evictions", "Idle Spaces that gave way to one that waited.")
        self._decisions = Counter("spaces_decisions", "What the scheduler did.", "action")

    def __repr__(self) -> str:
        return f"<Chronicle {len(self._new)} to be written>"

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that is counted."""
        return (
            self._wakes, self._ready, self._starts, self._sleeps, self._failures, self._ends, self._evictions,
            self._decisions,
        )  # fmt: skip

    # What happens

    def acted(self, space: Space, action: Action, why: str, *, after: Phase | None) -> None:
        """An action was carried out. after: how the instance that it was about stands now; None: it is gone."""
        self._decisions.add(type(action).__name__.lower())
        if isinstance(action, Start):
            self._starts.add()
            self._started[space.id] = self._clock()
            self._note(space.id, What.STARTING, f"{action.key.short} on {space.setup.hardware.name}: {why}")
        elif isinstance(action, Stop) and why == "idle":
            self._slept(space.id, COLD, why)
        elif isinstance(action, Stop) and why not in KNOWN_BY_OTHERS:
            self._note(space.id, What.STOPPED, why)
        elif isinstance(action, Suspend) and after is action.rung:
            self._slept(space.id, action.rung.value, why)

    def opened(self, space: SpaceId, begun: tuple[Phase | None, float] | None) -> None:
        """A door opened. begun: where a wake began, and when; None: it was none."""
        now, started = self._clock(), self._started.pop(space, None)
        if begun is not None:
            rung = begun[0].value if begun[0] is not None else COLD
            self._wakes.add(now - begun[1], rung)
            self._note(space, What.WOKE, "visited", rung=rung, took=now - begun[1])
        elif started is not None:
            self._ready.add(now - started)
            self._note(space, What.READY, "it answered, and visitors are let in", took=now - started)

    def learnt(self, space: SpaceId, lesson: Lesson) -> None:
        """An app ended, or something else that is no news here."""
        if isinstance(lesson, Failed | Crashed):
            self._started.pop(space, None)
        if isinstance(lesson, Failed):
            self._ends.add("failed its start")
            self._note(space, What.FAILED, lesson.why)
        elif isinstance(lesson, Crashed):
            self._ends.add("crashed")
            self._note(space, What.CRASHED, lesson.why)

    def rung_failed(self, space: SpaceId, rung: Phase, why: str) -> None:
        """It is left out from now on."""
        self._failures.add(rung.value)
        self._note(space, What.RUNG_FAILED, why, rung=rung.value)

    def waits(self, space: SpaceId, why: str) -> None:
        """It found no place."""
        self._note(space, What.WAITING, why)

    def gave_way(self, space: SpaceId) -> None:
        """It sleeps for the sake of another."""
        self._evictions.add()
        self._note(space, What.GAVE_WAY, "another Space waited for its place")

    def _slept(self, space: SpaceId, rung: str, why: str) -> None:
        self._sleeps.add(rung)
        self._note(space, What.SLEPT, REASONS.get(why, why), rung=rung)

    def _note(self, space: SpaceId, what: What, why: str, *, rung: str = "", took: float = 0.0) -> None:
        self._new.append(Happened(space=space, at=self._clock(), what=what, why=why, rung=rung, took=took))

    # Writing it down

    async def keep_writing(self) -> None:
        """For ever; what could not be written stays to be."""
        while True:
            await asyncio.sleep(EVERY)
            await self.write()

    async def write(self) -> None:
        """All that is new, in one step. Raises: Unavailable; then it is tried again."""
        happened, self._new = tuple(self._new), deque(maxlen=MOST)
        try:
            if happened:
                await self._timeline.add(happened)
        except BaseException:
            self._new.extendleft(reversed(happened))
            raise
