"""The live store dies and comes back empty: running Spaces are served, and nothing is forgotten that matters."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
import uvloop

from spaces_runtime.domain.layout import Layout
from spaces_runtime.store import valkey
from tests.gateway.world import HOST, until, world


class Valkey:
    """One that this test may kill."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.layout.run.mkdir(parents=True)

    async def start(self) -> None:
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(valkey.command(self.layout), stdout=quiet, stderr=quiet)
        await until(self.layout.valkey_socket.exists)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.layout.valkey_socket.unlink()


@pytest.fixture
def mortal(tmp_path):
    def run(story):
        async def go():
            store = Valkey(Layout(tmp_path / "data"))
            await store.start()
            try:
                async with world(valkey.url(store.layout), tmp_path) as here:
                    await story(here, store)
                    if store.process.poll() is not None:
                        await store.start()
            finally:
                store.kill()

        uvloop.run(go())

    return run


def test_visitors_of_a_running_space_do_not_notice(mortal):
    async def story(here, store):
        app = await here.awake()
        one = await here.talk()
        await one.send("GET", "/sse", {"Host": HOST})
        await one.head()
        await one.data()
        store.kill()
        await asyncio.sleep(1.2)  # a report and a lease fail meanwhile
        assert (await here.get("/")).status == 200
        assert app.streams == 1

    mortal(story)


def test_after_its_return_a_closing_order_is_answered_and_a_visit_still_wakes(mortal):
    async def story(here, store):
        await here.awake()
        store.kill()
        one = await here.talk()
        assert (await one.ask("GET", "/", {"Host": HOST})).status == 200
        await store.start()
        await until(here.leased)  # without a lease nobody waits for this gateway's answer
        await here.publish()
        await here.close()
        await until(here.quiet)
        await one.send("GET", "/again", {"Host": HOST})
        await until(lambda: here.asked(1))
        await here.open()
        assert (await one.answer()).status == 200
        await until(here.touched)

    mortal(story)
