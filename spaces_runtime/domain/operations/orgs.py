"""Organisations: make them, and say who is in them."""

from __future__ import annotations

from typing import Final

from spaces_runtime.domain.access import may_lead
from spaces_runtime.domain.errors import Invalid, Missing, Refused
from spaces_runtime.domain.ids import UserId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.people import check_name, find_person
from spaces_runtime.domain.people import Organisation, OrgRole, Person, Role

LONGEST_TEXT: Final = 500  # characters of a full name or of the details


async def create_org(
    desk: Desk, who: Person, *, name: str, fullname: str = "", details: str = "", founder: str = ""
) -> Organisation:
    """A namespace for several. founder: who leads it first; empty: who makes it.

    Raises:
        Refused, Fault, Taken: who asks, or the name.
    """
    if who.role is not Role.WRITE:
        raise Refused(what=f"create the organisation {name}", why="this access token may only read")
    check_name(name)
    if len(fullname) > LONGEST_TEXT or len(details) > LONGEST_TEXT:
        raise Invalid(what=f"create the organisation {name}", why=f"texts have at most {LONGEST_TEXT} characters")
    leader: UserId | None = (await find_person(desk, founder)).id if founder else who.id or None
    await desk.orgs.create(name, fullname or name, details, leader, by=who.name)
    return await find_org(desk, name)


async def find_org(desk: Desk, name: str) -> Organisation:
    """By name.

    Raises:
        Missing: there is none.
    """
    found = await desk.orgs.by_name(name)
    if found is None:
        raise Missing(what=f"find {name}", why="there is no organisation of that name")
    return found


async def set_role(desk: Desk, who: Person, org: str, user: str, role: OrgRole | None) -> None:
    """Make somebody a member, change what they may, or (None) take them out; everybody may leave.

    Raises:
        Refused, Missing: who asks, or for whom.
        Invalid: nobody would be left who leads it.
    """
    found = await find_org(desk, org)
    person = await find_person(desk, user)
    leaves = role is None and person.id == who.id and who.role is Role.WRITE
    if not leaves and not may_lead(who, found.name):
        why = f"{who.name} is not an admin of {found.name}"
        raise Refused(what=f"change the members of {found.name}", why=why, then="Ask one.")
    await desk.orgs.set_role(found.name, person.id, role, by=who.name)


async def delete_org(desk: Desk, who: Person, org: str) -> None:
    """One that has no repos.

    Raises:
        Refused, Missing, Taken: who asks, or it has repos.
    """
    found = await find_org(desk, org)
    if not may_lead(who, found.name):
        raise Refused(what=f"delete {found.name}", why=f"{who.name} is not an admin of it", then="Ask one.")
    await desk.orgs.delete(found.name, by=who.name)
