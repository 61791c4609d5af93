"""What counts as activity, and for how long."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.ladder import ASLEEP, OWN_WORK, able, earned
from spaces_runtime.scheduler.learn import backoff
from tests.scheduler.world import HOLD, World

SPACE = replace(World().space, touched_at=0.0)


def rung(now, **fields):
    found = earned(replace(SPACE, **fields), now)
    return found.phase if found else Phase.READY


@pytest.mark.parametrize(
    ("now", "phase"),
    [
        (99, Phase.READY),
        (100, Phase.FROZEN),
        (180, Phase.PAGED),
        (200, Phase.CHECKPOINTED),
        (300, Phase.PACKED),
        (399, Phase.PACKED),
        (400, None),
    ],
)
def test_idle_time_earns_one_rung_after_the_other(now, phase):
    assert rung(now) is phase


def test_an_empty_ladder_never_sleeps():
    assert rung(1e9, ladder=()) is Phase.READY


def test_work_of_its_own_keeps_a_space_awake_for_an_hour_at_most():
    assert rung(OWN_WORK + 99, worked_at=inf) is Phase.READY
    assert rung(OWN_WORK + 100, worked_at=inf) is Phase.FROZEN
    assert rung(60 + 100, worked_at=60) is Phase.FROZEN


def test_an_open_tab_lets_a_space_freeze_but_go_no_deeper_until_silent_for_long():
    assert rung(179, held_since=0.0) is Phase.FROZEN
    assert rung(400, held_since=0.0) is Phase.PAGED
    assert rung(HOLD - 1, held_since=0.0) is Phase.PAGED
    assert rung(HOLD, held_since=0.0) is None


def test_the_first_restart_is_free_and_the_wait_ends_somewhere():
    assert [backoff(n) for n in (1, 2, 3, 4, 1000)] == [0, 10, 20, 40, 300]


def test_an_engine_without_a_rung_leaves_it_out_and_the_first_that_is_left_comes_when_the_first_would():
    def able_to(*rungs):
        return [(rung.phase, rung.after) for rung in able(SPACE.ladder, rungs)]

    assert able_to(*ASLEEP) == [(rung.phase, rung.after) for rung in SPACE.ladder]
    assert able_to(Phase.FROZEN) == [(Phase.FROZEN, 100), (None, 400)]
    assert able_to(Phase.CHECKPOINTED) == [(Phase.CHECKPOINTED, 100), (None, 400)]
    assert able_to() == [(None, 100)]
    assert able((), ASLEEP) == ()
