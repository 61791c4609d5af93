from __future__ import annotations

import pytest

from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.settings import SleepSettings
from spaces_runtime.store.rungs import ladder

FROZEN = Phase.FROZEN


@pytest.mark.parametrize(
    ("frozen", "cold", "own", "left_out", "expected"),
    [
        (100, 1000, None, (), [(FROZEN, 100), (None, 1000)]),
        (100, 1000, -1, (), []),
        (100, 1000, 30, (), [(FROZEN, 30), (None, 1000)]),
        (100, 1000, 5000, (), [(FROZEN, 5000), (None, 5000)]),
        (100, 1000, None, (FROZEN,), [(None, 100)]),
        (100, 1000, 30, (FROZEN,), [(None, 30)]),
        (-1, 1000, None, (), [(None, 1000)]),
        (-1, 1000, 30, (), [(None, 30)]),
        (100, -1, None, (), [(FROZEN, 100)]),
        (100, -1, None, (FROZEN,), []),
        (-1, -1, None, (), []),
        (-1, -1, 30, (), [(None, 30)]),
    ],
)
def test_the_first_rung_comes_at_the_sleep_time_and_each_next_one_later_and_colder(
    frozen: float,
    cold: float,
    own: float | None,
    left_out: tuple[Phase, ...],
    expected: list[tuple[Phase | None, float]],
) -> None:
    only = SleepSettings(frozen=frozen, paged=-1, checkpointed=-1, packed=-1, cold=cold)
    found = ladder(only, own, left_out)
    assert [(rung.phase, rung.after) for rung in found] == expected


ALL = SleepSettings(frozen=10, paged=20, checkpointed=30, packed=40, cold=50)


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        ((), ["frozen", "paged", "checkpointed", "packed", None]),
        ((Phase.PAGED,), ["frozen", "checkpointed", "packed", None]),
        ((Phase.CHECKPOINTED,), ["frozen", "paged", None]),
        ((Phase.PACKED,), ["frozen", "paged", "checkpointed", None]),
        ((Phase.FROZEN,), ["checkpointed", "packed", None]),
    ],
)
def test_a_rung_that_failed_takes_with_it_what_is_built_on_it(left_out: tuple[Phase, ...], expected: list[str]) -> None:
    found = ladder(ALL, None, left_out)
    assert [rung.phase and rung.phase.value for rung in found] == expected


def test_a_rung_that_would_come_after_a_colder_one_does_not_come() -> None:
    early = SleepSettings(frozen=10, paged=20, checkpointed=30, packed=40, cold=25)
    assert [rung.phase for rung in ladder(early, None, ())] == [Phase.FROZEN, Phase.PAGED, None]
