"""Accounts, passwords, sessions and access tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spaces_runtime.domain.errors import Fault, Invalid, Missing, Refused, Unknown
from spaces_runtime.domain.naming import checked_namespace
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person, Role, TokenShown

LONGEST_NAME: Final = 40  # characters; with a repo's name it becomes a host name
SHORTEST_PASSWORD: Final = 8  # characters
LONGEST_PASSWORD: Final = 1024  # characters; hashing a longer one is work for nothing
LONGEST_LABEL: Final = 100  # characters of a token's name
MOST_TOKENS: Final = 100


async def create_user(desk: Desk, who: Person | None, *, name: str, password: str, admin: bool = False) -> Person:
    """A new account, which is also a namespace.

    who: an admin; or None where the operator lets people sign up themselves.

    Raises:
        Refused: this person may not make accounts.
        Fault: the name or the password cannot be one.
        Taken: somebody has the name, perhaps in other letters' case.
    """
    by_admin = who is not None and who.admin and who.role is Role.WRITE
    if not by_admin and (admin or who is not None or not desk.settings.hub.sign_up):
        raise Refused(what=f"create the account {name}", why="on this hub an admin does that", then="Ask one.")
    check_name(name)
    check_password(password)
    return await desk.people.create(name, password, admin=admin, by=who.name if who else name)


def check_name(name: str) -> None:
    """Raises a Fault when this can be no name of an account, before which repos will stand."""
    checked_namespace(name)
    if len(name) > LONGEST_NAME:
        raise Invalid(what=f"call an account {name!r}", why=f"it is longer than {LONGEST_NAME} characters")


def check_password(password: str) -> None:
    """Raises Invalid when this can be no password."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        why = f"it has {len(password)} characters; {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} are allowed"
        raise Invalid(what="use this password", why=why)


async def change_password(desk: Desk, who: Person, *, old: str, new: str) -> None:
    """A person's own, who must know the present one: a borrowed browser is not enough.

    Raises:
        Refused: the old one is wrong.
    """
    if len(old) > LONGEST_PASSWORD or await desk.people.sign_in(who.name, old) is None:
        raise Refused(what="change the password", why="the present one is not right")
    check_password(new)
    await desk.people.set_password(who.id, new)


async def reset_password(desk: Desk, who: Person, *, name: str, new: str) -> None:
    """An admin's way for somebody who forgot theirs.

    Raises:
        Refused, Missing: not an admin; nobody has that name.
    """
    if not who.admin or who.role is not Role.WRITE:
        raise Refused(what=f"reset the password of {name}", why="only an admin can", then="Ask one.")
    check_password(new)
    person = await find_person(desk, name)
    await desk.people.set_password(person.id, new)
    await desk.index.audit(who.name, "password reset", person.name)


async def sign_in(desk: Desk, *, name: str, password: str) -> tuple[Person, str]:
    """The person, and the value of the hub's session cookie.

    Raises:
        Unknown: the two do not belong together; which of them is wrong is not said.
    """
    fits = len(name) <= LONGEST_NAME and len(password) <= LONGEST_PASSWORD
    person = await desk.people.sign_in(name, password) if fits else None
    if person is None:
        raise Unknown(what="sign in", why="this name and password do not belong together")
    return person, await desk.people.create_session(person.id)


async def sign_out(desk: Desk, session: str) -> None:
    """End a session; one that is no more is fine."""
    await desk.people.delete_session(session)


async def create_token(desk: Desk, who: Person, *, name: str, role: Role) -> str:
    """A new access token of this person, shown this once.

    Raises:
        Fault: the name cannot be one, or there are too many.
    """
    label = name.strip()
    if not label or len(label) > LONGEST_LABEL or not label.isprintable():
        raise Fault(what="create the token", why=f"its name must have 1 to {LONGEST_LABEL} printable characters")
    if len(await desk.people.tokens(who.id)) >= MOST_TOKENS:
        raise Fault(what="create the token", why=f"you have {MOST_TOKENS}", then="Delete one that is not used.")
    return await desk.people.create_token(who.id, label, role)


async def tokens(desk: Desk, who: Person) -> Sequence[TokenShown]:
    """This person's, without the tokens themselves."""
    return await desk.people.tokens(who.id)


async def delete_token(desk: Desk, who: Person, token: str) -> None:
    """Take one back. token: its id.

    Raises:
        Missing: this person has none of this id.
    """
    if token not in {shown.id for shown in await desk.people.tokens(who.id)}:
        raise Missing(what="delete the token", why="you have none of this id")
    await desk.people.delete_token(who.id, token)


async def find_person(desk: Desk, name: str) -> Person:
    """By name.

    Raises:
        Missing: nobody has it.
    """
    person = await desk.people.by_name(name)
    if person is None:
        raise Missing(what=f"find {name}", why="nobody here has that name")
    return person
