"""Whose route a host has, when a name passes from one Space to another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.tell import Voice
from tests.scheduler.test_routes import SITE, lived

OLD, NEW = "ann-old.localhost", "ann-new.localhost"


class Routes:
    """Keeps what was published, as the live store does."""

    def __init__(self) -> None:
        self.of: dict[str, tuple[str, bool]] = {}

    async def publish(self, host, route) -> None:
        if route is None:
            self.of.pop(host, None)
        else:
            self.of.pop(host, None)
            self.of[host] = (route.space, route.moved)


def test_a_former_host_leads_on_until_another_space_takes_it() -> None:
    async def story() -> None:
        world, routes = lived(), Routes()
        voice = Voice(SimpleNamespace(routes=routes))
        space = world.observe()
        one, two = replace(space, id=SpaceId("one")), replace(space, id=SpaceId("two"))
        moved = Known(site=replace(SITE, hosts=(OLD,)))
        await voice.route(moved, one, world.now)
        assert routes.of == {OLD: ("one", False)}
        moved.site = replace(SITE, hosts=(NEW,), former=(OLD,))
        await voice.route(moved, one, world.now)
        assert list(routes.of.items())[-1] == (OLD, ("one", True)), (
            "the new host answers before the old one leads there"
        )
        assert routes.of == {NEW: ("one", False), OLD: ("one", True)}
        heir = Known(site=replace(SITE, hosts=(OLD,)))
        await voice.route(heir, two, world.now)
        moved.site = replace(moved.site, page="http://elsewhere")  # told again before it is known that the name went
        await voice.route(moved, one, world.now)
        assert routes.of == {NEW: ("one", False), OLD: ("two", False)}
        moved.site = replace(moved.site, former=())
        await voice.route(moved, one, world.now)
        await voice.everything(moved)
        assert routes.of == {NEW: ("one", False), OLD: ("two", False)}

    asyncio.run(story())
