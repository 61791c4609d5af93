"""What a new Space may start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Files a new Space starts with; none: it waits for a push."""

    name: str
    title: str
    about: str
    sdk: str
    files: tuple[tuple[str, str], ...] = ()


TEMPLATES: Final = (
    Template(
        name="greeting",
        title="Greeting",
        about="Gradio. A text box and an answer: the smallest app there is.",
        sdk="gradio",
        files=(
            (
                "app.py",
                "import gradio as gr\n\n\ndef greet(name: str) -> str:\n"
                "    return f\"Hello, {name or 'you'}.\"\n\n\n"
                'gr.Interface(greet, gr.Textbox(label="Name"), gr.Textbox(label="Greeting")).launch()\n',
            ),
            ("requirements.txt", ""),
        ),
    ),
    Template(
        name="page",
        title="Static page",
        about="HTML and JavaScript, no server.",
        sdk="static",
        files=(
            (
                "index.html",
                '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>A page</title>\n'
                "<h1>It is here.</h1>\n<p>Edit index.html and push.</p>\n</html>\n",
            ),
        ),
    ),
    Template(name="empty", title="Nothing yet", about="Gradio. You push app.py yourself.", sdk="gradio"),
)

OWNER: Final = "templates"  # clients name a template as they name a repo; nobody can have this namespace


def template_called(repo: str) -> Template | None:
    """The template that clients call templates/NAME."""
    return next((template for template in TEMPLATES if f"{OWNER}/{template.name}" == repo), None)
