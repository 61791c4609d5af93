"""Says which addresses can be connected to from here."""

import socket

import gradio as gr


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


if __name__ == "__main__":
    gr.Interface(reach, "text", "text", api_name="reach", title="Reach").launch()
