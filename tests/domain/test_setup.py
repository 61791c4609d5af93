"""The digest decides who is started anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spaces_runtime.domain.ids import BuildKey, RevisionId
from spaces_runtime.domain.setup import Setup, Volume, digest
from tests.scheduler.world import ARTIFACT, LARGE, SMALL

KEY = BuildKey(RevisionId("a" * 40))
SETUP = Setup(hardware=SMALL, variables=(("B", "2"), ("A", "1")))


@pytest.mark.parametrize(
    "changed",
    [
        digest(BuildKey(RevisionId("b" * 40)), ARTIFACT, SETUP),
        digest(BuildKey(KEY.revision, 1), ARTIFACT, SETUP),
        digest(KEY, replace(ARTIFACT, digest="1" * 64), SETUP),
        digest(KEY, ARTIFACT, replace(SETUP, hardware=LARGE)),
        digest(KEY, ARTIFACT, replace(SETUP, variables=())),
        digest(KEY, ARTIFACT, replace(SETUP, secrets=1)),
        digest(KEY, ARTIFACT, replace(SETUP, volumes=(Volume(source="ann/data", mount="/data"),))),
        digest(KEY, ARTIFACT, replace(SETUP, restarts=1)),
    ],
)
def test_whatever_an_instance_is_started_with_changes_the_digest(changed):
    assert changed != digest(KEY, ARTIFACT, SETUP)


def test_the_order_of_variables_changes_nothing():
    assert digest(KEY, ARTIFACT, replace(SETUP, variables=SETUP.variables[::-1])) == digest(KEY, ARTIFACT, SETUP)


def test_a_digest_is_for_ever_so_that_an_upgrade_restarts_nobody():
    assert digest(KEY, ARTIFACT, SETUP).startswith("78138b01bca5c515")
