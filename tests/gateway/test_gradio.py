"""A real Gradio app and its unmodified client, through holds and sleeps."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import gradio_client
import pytest

from spaces_runtime.domain.ids import InstanceId
from tests.gateway.world import ONE, Answer, route, until

APP = """
import gradio as gr
with gr.Blocks() as demo:
    state = gr.State([])
    name, told = gr.Textbox(), gr.Textbox()
    def greet(name, before):
        before = [*before, name]
        return f"Hello, {' and '.join(before)}!", before
    gr.Button().click(greet, [name, state], [told, state], api_name="greet")
demo.launch(server_name="127.0.0.1")
"""
HOST = "127.1.0.1"  # what clients are given where x.localhost does not resolve


class Child:
    """An app in a process of its own, dialled like any other."""

    def __init__(self, port: int, process: subprocess.Popen) -> None:
        self.port, self.process = port, process

    async def stop(self) -> None:
        self.process.kill()
        self.process.wait()


async def gradio(here, instance: InstanceId = ONE) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environ = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, "-c", APP], env=environ, stdout=quiet, stderr=quiet)
    here.apps.of[instance] = Child(port, process)

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    await until(answers, 60)


@pytest.mark.timeout(120)
def test_the_unmodified_client_waits_for_a_slow_space_and_keeps_its_session_over_a_sleep(within):
    async def story(here):
        await here.routes.publish(HOST, route(host=f"{HOST}:{here.port}"))
        await here.close()
        url = f"http://{HOST}:{here.port}"
        connecting = asyncio.create_task(asyncio.to_thread(gradio_client.Client, url, verbose=False))
        await until(lambda: here.asked(1))
        opened = asyncio.get_running_loop().time() + 8  # the client gives up after 5 s of silence
        await gradio(here)
        await asyncio.sleep(max(0, opened - asyncio.get_running_loop().time()))
        await here.open()
        client = await connecting

        def greet(name: str) -> str:
            return client.predict(name, api_name="/greet")

        assert await asyncio.to_thread(greet, "Ann") == "Hello, Ann!"
        await until(here.held)  # the client's heartbeat: an open tab
        await here.close()
        await until(lambda: here.quiet(connections=1))
        before = await here.wakes_asked()
        again = asyncio.create_task(asyncio.to_thread(greet, "Ben"))
        await until(lambda: here.asked(before + 1))
        await here.open()
        assert await again == "Hello, Ann and Ben!"
        page: Answer = await here.get("/", host=f"{HOST}:{here.port}", Accept="text/html")
        assert f'"root":"{url}"'.encode() in page.body.replace(b": ", b":")
        await asyncio.to_thread(client.close)

    within(story)
