"""What the installed client can do: asked of the client itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
from huggingface_hub import HfApi
from huggingface_hub.cli.hf import app


def methods() -> set[str]:
    """Every public method."""
    found = inspect.getmembers(HfApi, inspect.isfunction)
    return {f"HfApi.{name}" for name, _ in found if not name.startswith("_")}


def commands() -> set[str]:
    """Every command, hidden ones too."""
    return {f"hf {' '.join(words)}" for words in _below(app, ())}


def _below(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from _below(inner, (*words, name))
