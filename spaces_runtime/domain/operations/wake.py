"""A person wakes a Space or puts it to sleep, without visiting or waiting."""

from __future__ import annotations

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.errors import Fault, Refused
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.ladder import ASLEEP
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.operations.push import look
from spaces_runtime.domain.operations.show import show
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Repo
from spaces_runtime.domain.space import Hush
from spaces_runtime.domain.stage import Stage

RUNGS: dict[str, Phase | None] = {**{phase.value: phase for phase in ASLEEP}, "cold": None}


async def wake(desk: Desk, who: Person | None, repo: Repo, now: float) -> None:
    """As a visit does: whoever may visit may do it. Returns before it is awake. now: Unix seconds.

    Raises:
        Refused: it is paused, or going: only its owner can start it.
    """
    allowed(who, repo, Verb.VISIT)
    view = await show(desk, repo, now)
    if view.stage in (Stage.PAUSED, Stage.DELETING):
        raise Refused(what=f"wake {repo.full}", why=view.why, then="Its owner can restart it.")
    if not view.is_static:
        await desk.wakes.ask(view.id)


async def sleep(desk: Desk, who: Person | None, repo: Repo, now: float, rung: str) -> None:
    """Put it there at once, once those inside are done; the next visit wakes it. rung: a key of RUNGS.

    Raises:
        Fault: no such rung, or there is nothing that could sleep.
        Refused: it sleeps deeper already.
    """
    allowed(who, repo, Verb.WRITE)
    if rung not in RUNGS:
        raise Fault(what=f"put {repo.full} to sleep", why=f"there is no rung {rung!r}", then=f"It is {_or(RUNGS)}.")
    view = await show(desk, repo, now)
    if view.is_static:
        raise Fault(what=f"put {repo.full} to sleep", why="it is static: nothing runs")
    depth = [*RUNGS].index(rung)
    if view.stage in (Stage.SLEEPING, Stage.STOPPED) and view.rung in [*RUNGS][depth + 1 :]:
        why = f"it is {view.rung}, which is deeper than {rung}"
        raise Refused(what=f"put {repo.full} to sleep", why=why, then="Wake it first to have it nearer.")
    await desk.spaces.hush(view.id, Hush(at=now, phase=RUNGS[rung]), by=who.name if who else "")
    await look(desk, view.id)


def _or(words: dict[str, Phase | None]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}"
