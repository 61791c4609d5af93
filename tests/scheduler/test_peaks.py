"""What is reserved for the next instance follows what the last one held."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spaces_runtime.domain.hardware import LEAST, MARGIN
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.lesson import Peak
from spaces_runtime.scheduler.learn import learn, lower
from tests.scheduler.test_place import running

GIB = 2**30


def space(*, kept: int, held: int, phase: Phase = Phase.READY):
    there = running().observe()
    [instance] = there.instances
    return replace(there, peak=kept, instances=(replace(instance, peak=held, phase=phase, answered=True),))


@pytest.mark.parametrize(
    ("kept", "held", "noted"),
    [
        (0, int(LEAST / MARGIN), False),  # what is reserved anyway
        (0, GIB, True),
        (GIB, GIB + GIB // 20, False),  # no news: else each megabyte would be a write
        (GIB, 2 * GIB, True),
        (2 * GIB, GIB, False),  # it may still grow
    ],
)
def test_more_than_was_expected_is_noted_while_it_runs(kept, held, noted):
    lessons = [lesson for lesson in learn(space(kept=kept, held=held), 0.0) if isinstance(lesson, Peak)]
    assert lessons == ([Peak(memory=held)] if noted else [])


def test_less_than_was_expected_is_noted_when_it_has_ended():
    there = space(kept=4 * GIB, held=GIB)
    assert lower(there, there.instances[0]) == Peak(memory=GIB)
    small = space(kept=4 * GIB, held=1)
    assert lower(small, small.instances[0]) == Peak(memory=int(LEAST / MARGIN)), "no less than is reserved anyway"


def test_one_that_never_answered_or_is_as_large_as_ever_teaches_nothing():
    there = space(kept=GIB, held=GIB)
    assert lower(there, there.instances[0]) is None
    young = replace(there.instances[0], answered=False, peak=1)
    assert lower(space(kept=4 * GIB, held=1), young) is None
