"""Change what buckets have. A bucket is a repo of the index whose files are not in git; see create_repo()."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spaces_runtime.domain.access import Verb
from spaces_runtime.domain.bucket import EMPTY, NOTHING, Content, Drop, Put, Refusal
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import find_repo
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.repo import Kind, Repo

Source = tuple[Kind, str]  # and namespace/name


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Put at path what is called `xet`: uploaded to this bucket before (source: None), or what another repo holds."""

    path: str
    xet: str
    modified_at: float | None
    source: Source | None = None


async def change_bucket(
    desk: Desk, who: Person, bucket: Repo, wanted: Sequence[Wanted | Drop], now: float
) -> Sequence[Refusal]:
    """All of it that can be done, in one step; gives what could not, and why. The caller made sure `who` may WRITE."""
    refused: list[Refusal] = []
    known: dict[Source | None, Mapping[str, Content]] = {}
    why: dict[Source | None, str] = {}
    for source in {each.source for each in wanted if isinstance(each, Wanted)}:
        names = {each.xet for each in wanted if isinstance(each, Wanted) and each.source == source}
        try:
            known[source] = await _contents(desk, who, bucket, source, names)
        except Fault as fault:
            known[source], why[source] = {}, fault.said
    changes: list[Put | Drop] = []
    for each in wanted:
        if isinstance(each, Drop):
            changes.append(each)
        elif (content := _empty(each) or known[each.source].get(each.xet)) is not None:
            changes.append(Put(path=each.path, content=content, modified_at=each.modified_at))
        else:
            said = "Its source does not have this content" if each.source else "Its content was not uploaded here"
            refused.append(Refusal(path=each.path, why=why.get(each.source, said)))
    if changes:
        refused += await desk.buckets.change(bucket.id, changes, now, by=who.name)
    return refused


def _empty(wanted: Wanted) -> Content | None:
    """No bytes at all are never uploaded, and everybody has them."""
    return Content(xet=wanted.xet, sha256=EMPTY, size=0) if wanted.xet == NOTHING else None


async def _contents(
    desk: Desk, who: Person, bucket: Repo, source: Source | None, names: set[str]
) -> Mapping[str, Content]:
    """What the bucket holds of it, or takes over from a repo that this person may fetch from.

    Raises:
        Fault: the source is not there for this person; OverQuota.
    """
    if source is None:
        return await desk.buckets.known(bucket.id, names)
    kind, name = source
    namespace, _, own = name.partition("/")
    repo = await find_repo(desk, who, kind, namespace, own, Verb.FETCH)
    found = await desk.buckets.known(repo.id, names)
    if repo.id != bucket.id and found:
        await desk.buckets.adopt(bucket.id, list(found.values()))
    return found
