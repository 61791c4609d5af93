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
    found = ladder(SleepSettings(frozen=frozen, cold=cold), own, left_out)
    assert [(rung.phase, rung.after) for rung in found] == expected
