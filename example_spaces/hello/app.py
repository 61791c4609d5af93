"""The smallest Space with an API."""

import gradio as gr


def greet(name: str) -> str:
    """Greet."""
    return f"Hello, {name}!"


if __name__ == "__main__":
    gr.Interface(greet, "text", "text", api_name="greet", title="Hello").launch()
