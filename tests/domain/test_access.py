"""One table answers who may do what."""

from __future__ import annotations

import pytest

from spaces_runtime.domain.access import Verb, may, may_create
from spaces_runtime.domain.ids import RepoId, UserId
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import Kind, Repo, Visibility

ANN = Person(id=UserId("1"), name="ann")
READER = Person(id=UserId("1"), name="ann", role=Role.READ)
BEN = Person(id=UserId("2"), name="ben")
ROOT = Person(id=UserId("3"), name="root", admin=True)
ALL = set(Verb)
LOOK = {Verb.READ, Verb.FETCH, Verb.VISIT}


def repo(visibility):
    return Repo(id=RepoId("r"), kind=Kind.SPACE, namespace="ann", name="hello", visibility=visibility,
                creator=UserId("1"), created_at=0, updated_at=0)  # fmt: skip


@pytest.mark.parametrize(
    ("who", "visibility", "allowed"),
    [
        (None, Visibility.PUBLIC, LOOK),
        (None, Visibility.PROTECTED, {Verb.VISIT}),
        (None, Visibility.PRIVATE, set()),
        (BEN, Visibility.PUBLIC, LOOK),
        (BEN, Visibility.PROTECTED, {Verb.VISIT}),
        (BEN, Visibility.PRIVATE, set()),
        (READER, Visibility.PRIVATE, LOOK),
        (READER, Visibility.PUBLIC, LOOK),
        (ANN, Visibility.PRIVATE, ALL),
        (ROOT, Visibility.PRIVATE, ALL),
    ],
)
def test_who_may_do_what_to_whose_repo(who, visibility, allowed):
    assert {verb for verb in Verb if may(who, verb, repo(visibility))} == allowed


def test_a_person_creates_in_their_own_namespace_only():
    assert may_create(ANN, "ann")
    assert may_create(ROOT, "ann")
    assert not any(may_create(who, "ann") for who in (None, BEN, READER))
