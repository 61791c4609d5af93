"""The desk: everything an operation may need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.settings import Settings
from spaces_runtime.store import version
from spaces_runtime.store.allowances import SqlAllowances
from spaces_runtime.store.blobs import FileBlobs
from spaces_runtime.store.buckets import SqlBuckets
from spaces_runtime.store.builds import SqlBuilds
from spaces_runtime.store.database import Database, parsed, sqlite_url
from spaces_runtime.store.discussions import SqlDiscussions
from spaces_runtime.store.git import GitRepos
from spaces_runtime.store.git_pulls import GitPulls
from spaces_runtime.store.holdings import SqlHoldings
from spaces_runtime.store.index import SqlIndex
from spaces_runtime.store.keyfile import kept
from spaces_runtime.store.live import LiveActivity, LiveEvents, LiveObservations, LiveStocks, LiveWakes
from spaces_runtime.store.locks import SqlLocks
from spaces_runtime.store.logs import LogFiles
from spaces_runtime.store.orgs import SqlOrgs
from spaces_runtime.store.people import SqlPeople
from spaces_runtime.store.regard import SqlAccesses, SqlDownloads, SqlLikes
from spaces_runtime.store.seal import master_key
from spaces_runtime.store.secrets import SqlSecrets
from spaces_runtime.store.spaces import SqlSpaces
from spaces_runtime.store.storage import SqlStorage
from spaces_runtime.store.timeline import SqlTimeline
from spaces_runtime.store.xet import FileXorbs
from spaces_runtime.store.xet_names import SqlXetNames
from spaces_runtime.wiring.live import live_store
from spaces_runtime.wiring.names import names_of


def database_url(settings: Settings) -> str:
    """Where what is durable lies."""
    return settings.database_url or sqlite_url(Layout(settings.data).database)


async def migrate(settings: Settings) -> None:
    """Bring the data folder and its database to this version.

    Raises: Fault when a newer version has been there, or the other kind of database.
    """
    from spaces_runtime.store.migrations import migrate as bring

    folder, url = Layout(settings.data).database.parent, database_url(settings)
    kind = parsed(url).get_backend_name()
    version.check(folder, kind)
    await asyncio.to_thread(bring, url)
    version.stamp(folder, kind)


def store_name(settings: Settings) -> str:
    """Names this store of large files, for clients remember what they sent to it; made on first use."""
    return kept(Layout(settings.data).blobs / "installation").hex()[:16]


@asynccontextmanager
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """Everything an operation needs; closed at the end."""
    layout = Layout(settings.data)
    database, live = Database(database_url(settings)), live_store(settings)
    index = SqlIndex(database, settings.storage, settings.allowance)
    blobs = FileBlobs(layout.blobs, index)
    repos = GitRepos(layout.repos, blobs)
    installation = store_name(settings)
    try:
        yield Desk(
            settings=settings,
            layout=layout,
            names=names_of(settings),
            people=SqlPeople(database),
            orgs=SqlOrgs(database),
            index=index,
            likes=SqlLikes(database),
            accesses=SqlAccesses(database),
            downloads=SqlDownloads(database),
            storage=SqlStorage(database, settings.storage),
            allowances=SqlAllowances(database, settings.allowance),
            buckets=SqlBuckets(database, settings.storage),
            spaces=SqlSpaces(
                database, tiers=settings.hardware, default_tier=settings.default_hardware, sleep=settings.sleep
            ),
            builds=SqlBuilds(database),
            timeline=SqlTimeline(database),
            secrets=SqlSecrets(database, master_key(layout.keys / "master")),
            repos=repos,
            blobs=blobs,
            holdings=SqlHoldings(database, settings.storage),
            discussions=SqlDiscussions(database),
            pulls=GitPulls(repos),
            locks=SqlLocks(database),
            xorbs=FileXorbs(layout.blobs, installation, blobs, index, SqlXetNames(database)),
            wakes=LiveWakes(live),
            activity=LiveActivity(live),
            observations=LiveObservations(live),
            stocks=LiveStocks(live),
            events=LiveEvents(live),
            logs=LogFiles(layout.logs),
            signing=kept(layout.keys / "signing"),
        )
    finally:
        await live.close()
        await database.close()
