"""Times and spans as people read them."""

from __future__ import annotations

import pytest

from spaces_runtime.domain.spoken import clock, sentence, span

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0001, "1 ms"), (0.0054, "5 ms"), (0.0994, "99 ms"), (0.0996, "0.1 s"), (0.2, "0.2 s"), (4.44, "4.4 s"),
        (5.0, "5 s"), (9.96, "10 s"), (60.0, "60 s"), (90.0, "2 min"), (900.0, "15 min"), (7200.0, "2 h"),
        (172800.0, "48 h"), (7 * 86400.0, "7 days"),
    ],
)  # fmt: skip
def test_a_span_has_two_digits_and_a_unit(seconds, said):
    assert span(seconds) == said


def test_a_moment_has_its_date_when_it_is_not_today():
    assert clock(NOON, NOON + 3600) == "12:00 UTC"
    assert clock(NOON, NOON + 5 * 86400) == "21 Nov 2026, 12:00 UTC"


@pytest.mark.parametrize(("text", "said"), [("Killed", "Killed."), (" Done. ", "Done."), ("", ""), ("Why?", "Why?")])
def test_a_sentence_ends(text, said):
    assert sentence(text) == said
