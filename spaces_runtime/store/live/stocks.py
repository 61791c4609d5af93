"""What there is to run Spaces on."""

from __future__ import annotations

from spaces_runtime.domain.hardware import Stock
from spaces_runtime.store.codec import dumps, loads
from spaces_runtime.store.live.connection import Live

STOCK = "stock"


class LiveStocks:
    """The port Stocks."""

    def __init__(self, live: Live) -> None:
        self._live = live

    async def publish(self, stock: Stock) -> None:
        await self._live.call("SET", STOCK, dumps(stock))

    async def latest(self) -> Stock | None:
        found = await self._live.call("GET", STOCK)
        return loads(Stock, found) if found is not None else None
