"""A Space with volumes: it starts with them, anew when they change, and says why it cannot."""

from __future__ import annotations

import pytest

from spaces_runtime.domain.setup import Volume
from tests.contracts.conftest import server  # noqa: F401 - a fixture
from tests.node.conftest import place  # noqa: F401 - a fixture
from tests.node.place import HELLO, until
from tests.scheduler.test_tick import anyio_backend, house  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio

READS = "import os\nprint('sees', os.path.isdir('/models'), flush=True)\n" + HELLO


def volume(source: str) -> Volume:
    return Volume(source=source, mount="/models", kind="model", name="ann/weights")


async def test_a_volume_is_there_once_the_space_was_started_anew(house):  # noqa: F811
    space = await house.create("hello")
    await house.push(space, READS)
    await house.reach(space, "RUNNING")
    [before] = await house.instances(space)
    await house.change(space, house.spaces.set_volumes(space, [volume("weights")]))

    async def rolled() -> bool:
        return [i.id for i in await house.instances(space)] not in ([before.id], [])

    await until(rolled)
    await house.reach(space, "RUNNING")
    log = (house.layout.logs / space / "run.log").read_text()
    assert [line for line in ("sees False", "sees True") if line in log] == ["sees False", "sees True"]


async def test_a_volume_whose_source_is_gone_is_said_and_tried_again(house):  # noqa: F811
    space = await house.create("hello")
    await house.change(space, house.spaces.set_volumes(space, [volume("gone")]))
    await house.push(space)
    await house.reach(space, "RUNTIME_ERROR", "the model is gone")
    await house.change(space, house.spaces.set_volumes(space, []))
    await house.reach(space, "RUNNING")
