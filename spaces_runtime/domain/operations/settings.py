"""What an owner sets on a Space. Each change is allowed, checked, kept with its audit row, told to the scheduler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from spaces_runtime.domain.access import Verb, may_operate
from spaces_runtime.domain.errors import Fault, Missing, Refused, Taken
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.operations.find import allowed
from spaces_runtime.domain.operations.hardware import chosen, may_have
from spaces_runtime.domain.operations.push import look
from spaces_runtime.domain.people import Person
from spaces_runtime.domain.ports.durable import SecretShown, Variable
from spaces_runtime.domain.repo import Repo
from spaces_runtime.domain.space import Wish

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST_NAME: Final = 256  # characters
LONGEST_VALUE: Final = 32 * 1024  # bytes; a process may be given only so much environment
LONGEST_DESCRIPTION: Final = 1024  # characters
MOST: Final = 100  # variables of a Space, and as many secrets
LONGEST_SLEEP: Final = 366 * 86400  # seconds

# What the platform tells every app about itself (contract/spaces.md 44-47, 50): no setting may claim otherwise.
RESERVED: Final = frozenset(
    {
        *("SPACE_ID", "SPACE_AUTHOR_NAME", "SPACE_REPO_NAME", "SPACE_TITLE", "SPACE_CREATOR_USER_ID", "SPACE_HOST"),
        *("ACCELERATOR", "CPU_CORES", "MEMORY", "SYSTEM"),
        *("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL"),
    }
)


async def pause(desk: Desk, who: Person | None, repo: Repo) -> None:
    """Stop it until its owner starts it again; those inside may finish."""
    space = await _changing(desk, who, repo, "pause")
    _runs(repo, "pause")
    await desk.spaces.set_wish(space, Wish.PAUSE, _name(who))
    await look(desk, space)


async def restart(desk: Desk, who: Person | None, repo: Repo, *, rebuild: bool) -> None:
    """Start it anew, also a paused one. rebuild: build it anew first, with nothing from before."""
    space = await _changing(desk, who, repo, "restart")
    if not rebuild:
        _runs(repo, "restart")
    await desk.spaces.restart(space, rebuild=rebuild, by=_name(who))
    await look(desk, space)


async def set_hardware(desk: Desk, who: Person | None, repo: Repo, hardware: str, now: float) -> None:
    """Ask for another tier; it moves there with its next start, which this causes. now: Unix seconds.

    Packages for GPUs are others than those for processors: between the two it is built anew.

    Raises:
        Fault, Invalid, Unavailable: see hardware.chosen(). Refused: see hardware.may_have().
    """
    space = await _changing(desk, who, repo, "change the hardware of")
    _runs(repo, "change the hardware of")
    tier = await chosen(desk, hardware, "set the hardware")
    await may_have(desk, repo.namespace, tier, "set the hardware", now)
    before = [found.setup.hardware for found in await desk.spaces.snapshot([space])]
    rebuild = any(bool(old.gpus) != bool(tier.gpus) for old in before)
    await desk.spaces.set_hardware(space, hardware, rebuild=rebuild, by=_name(who))
    await look(desk, space)


async def set_sleep(desk: Desk, who: Person | None, repo: Repo, seconds: int | None) -> None:
    """When it falls asleep without use. seconds: -1 never, None the platform's own."""
    space = await _changing(desk, who, repo, "set the sleep time of")
    _runs(repo, "set the sleep time of")
    check_sleep(seconds)
    await desk.spaces.set_sleep(space, seconds, by=_name(who))
    await look(desk, space)


def check_sleep(seconds: int | None) -> None:
    """Raises a Fault when this is no sleep time."""
    if seconds is not None and seconds != -1 and not 1 <= seconds <= LONGEST_SLEEP:
        why = f"{seconds} is neither -1 (never) nor between 1 and {LONGEST_SLEEP} seconds"
        raise Fault(what="set the sleep time", why=why)


async def set_internet(desk: Desk, who: Person | None, repo: Repo, internet: bool) -> None:
    """Whether it may reach the public internet; it starts anew with that. An admin's decision, not the owner's.

    Raises:
        Refused: not an admin.
        Fault: on, where no Space may.
    """
    space = await _changing(desk, who, repo, "set the internet of")
    what = f"set the internet of {repo.full}"
    if not may_operate(who):
        raise Refused(what=what, why="only an admin can", then="Ask one.")
    _runs(repo, "set the internet of")
    if internet and not desk.settings.internet:
        raise Fault(what=what, why="this platform lets no Space reach it", then="An operator sets `internet`.")
    await desk.spaces.set_internet(space, internet, by=_name(who))
    await look(desk, space)


async def set_pinned(desk: Desk, who: Person | None, repo: Repo, pinned: bool) -> None:
    """Whether it never makes way for a Space that waits. An admin's decision, not the owner's.

    Raises:
        Refused: not an admin.
    """
    space = await _changing(desk, who, repo, "pin")
    if not may_operate(who):
        raise Refused(what=f"pin {repo.full}", why="only an admin can", then="Ask one.")
    _runs(repo, "pin")
    await desk.spaces.set_pinned(space, pinned, by=_name(who))
    await look(desk, space)


async def variables(desk: Desk, who: Person | None, repo: Repo) -> Mapping[str, Variable]:
    """The public settings, with values, for all who may read the repo."""
    allowed(who, repo, Verb.READ)
    return await desk.spaces.variables(await space_of(desk, repo))


async def put_variable(desk: Desk, who: Person | None, repo: Repo, *, name: str, value: str, description: str) -> None:
    """Set one; the app restarts with it.

    Raises:
        Fault: the name or the value cannot be one, or there are too many.
        Taken: a secret has the name.
    """
    space = await _changing(desk, who, repo, "set a variable of")
    check_setting(name, value, description)
    _room(name, await desk.spaces.variables(space), await desk.secrets.names(space), kind="variable", other="secret")
    await desk.spaces.put_variable(space, name, value, description, by=_name(who))
    await look(desk, space)


async def delete_variable(desk: Desk, who: Person | None, repo: Repo, name: str) -> None:
    """Remove one.

    Raises:
        Missing: there is none of this name.
    """
    space = await _changing(desk, who, repo, "delete a variable of")
    if name not in await desk.spaces.variables(space):
        raise Missing(what="delete the variable", why=f"{repo.full} has no variable {name}")
    await desk.spaces.delete_variable(space, name, by=_name(who))
    await look(desk, space)


async def secrets(desk: Desk, who: Person | None, repo: Repo) -> Mapping[str, SecretShown]:
    """Names, descriptions and dates; the values never leave the platform but into the app."""
    return await desk.secrets.names(await _changing(desk, who, repo, "list the secrets of"))


async def put_secret(desk: Desk, who: Person | None, repo: Repo, *, name: str, value: str, description: str) -> None:
    """Set one; the app restarts with it. See put_variable() for what is raised."""
    space = await _changing(desk, who, repo, "set a secret of")
    check_setting(name, value, description)
    _room(name, await desk.secrets.names(space), await desk.spaces.variables(space), kind="secret", other="variable")
    await desk.secrets.put(space, name, value, description, by=_name(who))
    await look(desk, space)


async def delete_secret(desk: Desk, who: Person | None, repo: Repo, name: str) -> None:
    """Remove one.

    Raises:
        Missing: there is none of this name.
    """
    space = await _changing(desk, who, repo, "delete a secret of")
    if name not in await desk.secrets.names(space):
        raise Missing(what="delete the secret", why=f"{repo.full} has no secret {name}")
    await desk.secrets.delete(space, name, by=_name(who))
    await look(desk, space)


def check_setting(name: str, value: str, description: str) -> None:
    """Raises a Fault when this can be no environment variable of an app. Never says the value: it may be a secret."""
    what = f"set {name[:LONGEST_NAME]!r}"
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        why = f"a name is letters, digits and _, does not begin with a digit, and has at most {LONGEST_NAME} characters"
        raise Fault(what=what, why=why)
    if name in RESERVED:
        raise Fault(what=what, why="the platform sets it for every Space", then="Choose another name.")
    if len(value.encode(errors="surrogatepass")) > LONGEST_VALUE:
        raise Fault(what=what, why=f"its value is longer than {LONGEST_VALUE} bytes", then="Put it into a file.")
    if "\0" in value or not _is_text(value):
        raise Fault(what=what, why="its value has a character that no environment variable can hold")
    if len(description) > LONGEST_DESCRIPTION:
        raise Fault(what=what, why=f"its description is longer than {LONGEST_DESCRIPTION} characters")


async def space_of(desk: Desk, repo: Repo) -> SpaceId:
    """The Space of a Space repo.

    Raises:
        Missing: it has none.
    """
    address = await desk.spaces.of_repo(repo.id)
    if address is None:
        raise Missing(what=f"find the Space of {repo.full}", why="it has none")
    return address.space


def _room(name: str, same: Mapping[str, object], others: Mapping[str, object], *, kind: str, other: str) -> None:
    if name in others:
        raise Taken(what=f"set the {kind} {name}", why=f"a {other} has that name", then=f"Delete the {other} first.")
    if name not in same and len(same) >= MOST:
        raise Fault(what=f"set the {kind} {name}", why=f"there are {MOST} of them, which is the most a Space can have")


def _is_text(value: str) -> bool:
    """JSON can carry half a surrogate pair, which is no text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _runs(repo: Repo, verb: str) -> None:
    if repo.sdk == "static":
        raise Fault(what=f"{verb} {repo.full}", why="it is static: its files are always served and nothing runs")


async def _changing(desk: Desk, who: Person | None, repo: Repo, verb: str) -> SpaceId:
    allowed(who, repo, Verb.WRITE)
    address = await desk.spaces.of_repo(repo.id)
    if address is None:
        raise Missing(what=f"{verb} {repo.full}", why="it has no Space")
    return address.space


def _name(who: Person | None) -> str:
    return who.name if who else ""
