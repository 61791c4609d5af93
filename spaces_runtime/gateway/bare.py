"""A gateway in front of one app, without a platform."""

from __future__ import annotations

from spaces_runtime.domain.handing import Handed
from spaces_runtime.gateway.exchange import Exchange, Lane
from spaces_runtime.gateway.head import Field
from spaces_runtime.gateway.headers import Back, Toward
from spaces_runtime.gateway.reply import refusal
from spaces_runtime.gateway.upstream import Pool


class BareReception:
    """Every request goes to the app."""

    def __init__(self, pool: Pool) -> None:
        toward = Toward(scheme=b"http", to_app=False)
        self._lane = Lane(pool=pool, toward=toward, back=Back(to_app=False))

    def receive(self, exchange: Exchange) -> None:
        """To the app."""
        exchange.go(self._lane)

    def not_dialled(self, exchange: Exchange, why: str) -> None:
        """It is not there."""
        exchange.reply(refusal(exchange.head, 502, "The app takes no connection.", then=why))

    def left(self, exchange: Exchange) -> None:
        """Nothing is counted."""

    def switched(self, exchange: Exchange) -> None:
        """Nothing is watched."""

    def handed(self, exchange: Exchange, blob: Handed, status: int, fields: list[Field]) -> None:
        """An app hands nothing over."""
