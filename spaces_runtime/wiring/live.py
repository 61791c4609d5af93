"""The live store: the bundled one, or the operator's."""

from __future__ import annotations

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import Settings
from spaces_runtime.store import valkey
from spaces_runtime.store.live import Live


def live_store(settings: Settings) -> Live:
    """A connection to it."""
    return Live(settings.redis_url or valkey.url(Layout(settings.data)))


def command(settings: Settings) -> tuple[str, ...]:
    """argv of the bundled one."""
    return valkey.command(Layout(settings.data))
