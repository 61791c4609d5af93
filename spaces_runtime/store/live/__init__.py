"""Live state over the Redis protocol: one class per port, one connection for all of them."""

from spaces_runtime.store.live.activity import LiveActivity
from spaces_runtime.store.live.connection import Live
from spaces_runtime.store.live.events import LiveEvents
from spaces_runtime.store.live.gates import LiveGates
from spaces_runtime.store.live.observations import LiveObservations
from spaces_runtime.store.live.routes import LiveRoutes
from spaces_runtime.store.live.stocks import LiveStocks
from spaces_runtime.store.live.wakes import LiveWakes

__all__ = [
    "Live",
    "LiveActivity",
    "LiveEvents",
    "LiveGates",
    "LiveObservations",
    "LiveRoutes",
    "LiveStocks",
    "LiveWakes",
]
