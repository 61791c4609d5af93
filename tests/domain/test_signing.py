from __future__ import annotations

import pytest

from spaces_runtime.domain.ids import SpaceId, UserId
from spaces_runtime.domain.signing import Use, Visit, sign, verify

KEY = b"k" * 32
VISIT = Visit(space=SpaceId("s1"), user=UserId("u1"), expires=1000.0)


def test_a_proof_says_what_was_signed():
    assert verify(sign(VISIT, KEY), KEY, space=SpaceId("s1"), use=Use.LINK, now=999.0) == VISIT


def test_a_proof_fits_a_query_string_and_a_cookie():
    assert set(sign(VISIT, KEY)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize(
    ("space", "use", "now", "key"),
    [
        ("s2", Use.LINK, 0.0, KEY),
        ("s1", Use.COOKIE, 0.0, KEY),
        ("s1", Use.LINK, 1000.0, KEY),
        ("s1", Use.LINK, 0.0, b"x" * 32),
        ("s1", Use.LINK, 0.0, b""),
    ],
)
def test_a_proof_counts_for_one_space_one_use_one_key_and_not_for_ever(space, use, now, key):
    assert verify(sign(VISIT, KEY), key, space=SpaceId(space), use=use, now=now) is None


def test_a_changed_payload_is_refused_whatever_it_is():
    payload, _, mac = sign(VISIT, KEY).partition(".")
    for wrong in ("", ".", payload, f"{payload}.", f".{mac}", f"{payload[:-1]}A.{mac}", "é.é", "x" * 5000):
        assert verify(wrong, KEY, space=SpaceId("s1"), use=Use.LINK, now=0.0) is None


def test_a_short_key_signs_nothing():
    with pytest.raises(ValueError, match="16 bytes"):
        sign(VISIT, b"short")
