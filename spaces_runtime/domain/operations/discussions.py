"""Talk about a repo, and propose changes to it.

Whoever may read a repo may talk about it. A pull request is opened by those who may write to the repo: its commits
bring content that counts as the repo's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spaces_runtime.domain.access import Verb, may
from spaces_runtime.domain.discussions import LIVE, Discussion, Happening, Status, What
from spaces_runtime.domain.errors import Fault, Invalid, Missing, Refused, Unknown
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.operations.push import pushed
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import Repo

LONGEST_TITLE: Final = 200  # characters
LONGEST_TEXT: Final = 64 * 1024  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Somebody's words about a repo that they may read. now: Unix seconds."""

    desk: Desk
    who: Person
    repo: Repo
    now: float

    async def open(self, title: str, text: str, *, pull: bool = False) -> Discussion:
        """Begin one; a pull request gets a branch of its own at the head of main.

        Raises:
            Refused, Fault: who may not write, or what they say.
        """
        if pull:
            allowed(self.who, self.repo, Verb.WRITE)
        _check("title", title, LONGEST_TITLE)
        if text:
            _check("description", text, LONGEST_TEXT)
        base = await self.desk.repos.resolve(self.repo.id, "main") if pull else None
        made = await self.desk.discussions.open(
            self.repo.id, title.strip(), text, base=base or "", by=self.who.name, now=self.now
        )
        if base:
            await self.desk.pulls.cut(self.repo.id, made.ref, base)
        return made

    async def take_back(self, made: Discussion) -> None:
        """A pull request that was opened for a commit that then failed."""
        await self.desk.pulls.drop(self.repo.id, made.ref)
        await self.desk.discussions.remove(self.repo.id, made.number)

    async def comment(self, number: int, text: str) -> Happening:
        """Raises: Missing, Fault."""
        _check("comment", text, LONGEST_TEXT)
        found = await find_discussion(self.desk, self.repo, number)
        return await self.desk.discussions.comment(found, text, by=self.who.name, now=self.now)

    async def edit(self, number: int, said: str, *, text: str, hide: bool) -> Happening:
        """Change one's own comment; hide it, or, as one who may write to the repo, anybody's.

        Raises:
            Missing, Refused: there is none of this id, or it is not this person's.
        """
        found = await find_discussion(self.desk, self.repo, number)
        known = {one.id: one for one in await self.desk.discussions.happenings(found) if one.what is What.COMMENT}
        if said not in known:
            raise Missing(what="change the comment", why="there is none of this id")
        if known[said].author != self.who.name and not (hide and may(self.who, Verb.WRITE, self.repo)):
            raise Refused(what="change the comment", why=f"it is {known[said].author}'s")
        if not hide:
            _check("comment", text, LONGEST_TEXT)
        return await self.desk.discussions.edit(found, said, "" if hide else text, hide=hide, by=self.who.name)

    async def rename(self, number: int, title: str) -> Happening:
        """Give it another title, as who opened it or may write to the repo. Raises: Missing, Refused, Fault."""
        found = await self._mine(number)
        _check("title", title, LONGEST_TITLE)
        return await self.desk.discussions.rename(found, title.strip(), by=self.who.name, now=self.now)

    async def set_status(self, number: int, status: Status) -> Happening:
        """Open or close it, as who opened it or may write to the repo.

        Raises:
            Missing, Refused, Invalid: the last for a merged one.
        """
        found = await self._mine(number)
        if found.status is Status.MERGED:
            raise Invalid(what="change the status", why="it is merged")
        return await self.desk.discussions.set_status(found, status, by=self.who.name, now=self.now)

    async def merge(self, number: int) -> Happening:
        """Bring a pull request into main.

        Raises:
            Refused, Invalid, Taken: who may not; what is closed, or no pull request; what conflicts with main.
        """
        allowed(self.who, self.repo, Verb.WRITE)
        found = await find_discussion(self.desk, self.repo, number)
        if not found.is_pull or found.status not in LIVE:
            why = f"it is {found.status.value}" if found.is_pull else "it is a discussion"
            raise Invalid(what=f"merge {number}", why=why, then="Only an open pull request can be merged.")
        message = f"{found.title} (#{number})"
        made = await self.desk.pulls.merge(self.repo.id, found.ref, author=self.who.name, message=message)
        said = await self.desk.discussions.set_status(found, Status.MERGED, by=self.who.name, now=self.now, merged=made)
        await pushed(self.desk, self.repo, by=self.who.name)
        return said

    async def _mine(self, number: int) -> Discussion:
        found = await find_discussion(self.desk, self.repo, number)
        if found.author != self.who.name and not may(self.who, Verb.WRITE, self.repo):
            raise Refused(what=f"change discussion {number}", why=f"{found.author} opened it")
        return found


def talk(desk: Desk, who: Person | None, repo: Repo, now: float) -> Talk:
    """Let somebody speak.

    Raises:
        Unknown, Refused: nobody is signed in, or the token may only read.
    """
    what = f"write in a discussion of {repo.full}"
    if who is None:
        raise Unknown(what=what, why="nobody is signed in", then="Send an access token, or sign in.")
    if who.role is Role.READ:
        raise Refused(what=what, why="this access token may only read", then="Use one with the role write.")
    return Talk(desk=desk, who=who, repo=repo, now=now)


async def find_discussion(desk: Desk, repo: Repo, number: int) -> Discussion:
    """By its number.

    Raises:
        Missing.
    """
    found = await desk.discussions.find(repo.id, number)
    if found is None:
        raise Missing(what=f"find discussion {number} of {repo.full}", why="there is none of this number")
    return found


def _check(what: str, text: str, most: int) -> None:
    if not text.strip() or len(text) > most:
        raise Fault(what=f"take the {what}", why=f"it must have 1 to {most} characters")
