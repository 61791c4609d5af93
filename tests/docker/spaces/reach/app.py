"""Says which addresses can be connected to from here; /echo repeats what it hears on a WebSocket."""

import os
import socket

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, WebSocket

app = FastAPI()


@app.websocket("/echo")
async def echo(visitor: WebSocket) -> None:
    """One message."""
    await visitor.accept()
    await visitor.send_text(await visitor.receive_text())
    await visitor.close()


@app.get("/told")
def told(request: Request) -> dict[str, str]:
    """What the platform says of a request."""
    return {name: value for name, value in request.headers.items() if name == "host" or name.startswith("x-forwarded")}


def reach(addresses: str) -> str:
    """addresses, and the answer: HOST:PORT, separated by blanks."""
    reached = []
    for address in addresses.split():
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), 2).close()
        except OSError:
            continue
        reached.append(address)
    return " ".join(reached)


page = gr.Interface(reach, "text", "text", api_name="reach", title="Reach")
app = gr.mount_gradio_app(app, page, path="/")

if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", "7860")))
