"""Everything an operation may need: the ports, and how addresses are made."""

from __future__ import annotations

from dataclasses import dataclass, field

from spaces_runtime.domain.hosts import Names
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.ports.content import Blobs, Holdings, Locks, Repos, Xorbs
from spaces_runtime.domain.ports.discussions import Discussions, Pulls
from spaces_runtime.domain.ports.durable import (
    Allowances,
    Buckets,
    Builds,
    Index,
    People,
    Secrets,
    Spaces,
    Storage,
    Timeline,
)
from spaces_runtime.domain.ports.live import Activity, Events, Observations, Stocks, Wakes
from spaces_runtime.domain.ports.logs import Logs
from spaces_runtime.domain.ports.social import Accesses, Downloads, Likes, Orgs
from spaces_runtime.domain.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Made once by wiring, handed to hub and web. signing: key of the hub's short-lived upload URLs and tokens."""

    settings: Settings
    layout: Layout
    names: Names
    people: People
    orgs: Orgs
    index: Index
    likes: Likes
    accesses: Accesses
    downloads: Downloads
    storage: Storage
    allowances: Allowances
    buckets: Buckets
    spaces: Spaces
    builds: Builds
    timeline: Timeline
    secrets: Secrets
    repos: Repos
    blobs: Blobs
    holdings: Holdings
    discussions: Discussions
    pulls: Pulls
    locks: Locks
    xorbs: Xorbs
    wakes: Wakes
    activity: Activity
    observations: Observations
    stocks: Stocks
    events: Events
    logs: Logs
    signing: bytes = field(repr=False)
