"""Which processes `spaces up` keeps running."""

from __future__ import annotations

import asyncio

import pytest

from spaces_runtime.cli.health import well
from spaces_runtime.cli.supervise import parts
from spaces_runtime.domain.settings import Settings


def test_what_the_operator_runs_elsewhere_is_not_started():
    everything = [part.name for part in parts(1, own_live_store=True, own_node=True)]
    assert everything == ["live", "node", "hub", "scheduler", "gateway-0"]
    assert [part.name for part in parts(1, own_live_store=False, own_node=False)] == ["hub", "scheduler", "gateway-0"]
    assert parts(1, own_live_store=False, own_node=False, watch=True)[-1].name == "watch"


@pytest.mark.parametrize(("role", "said"), [("platform", "on port 9"), ("node", "node.sock")])
def test_a_platform_that_is_away_is_not_well_and_says_what_does_not_answer(tmp_path, role, said):
    assert said in asyncio.run(well(Settings(data=tmp_path, port=9), role))
