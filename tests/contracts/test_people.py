from __future__ import annotations

import pytest
import sqlalchemy as sa

from spaces_runtime.domain.errors import Invalid, Taken
from spaces_runtime.domain.people import Role
from spaces_runtime.store.database import Database
from spaces_runtime.store.people import SqlPeople

pytestmark = pytest.mark.anyio


@pytest.fixture
def people(db: Database) -> SqlPeople:
    return SqlPeople(db)


async def test_a_name_is_found_without_regard_to_case_and_answered_as_created(people: SqlPeople) -> None:
    ann = await people.create("Ann", "pw", admin=True)
    assert await people.by_name("aNN") == ann
    assert await people.by_id(ann.id) == ann
    assert ann.name == "Ann"
    assert ann.admin


async def test_a_name_that_differs_by_case_only_is_taken(people: SqlPeople) -> None:
    await people.create("Ann", "pw", admin=False)
    with pytest.raises(Taken, match="taken"):
        await people.create("ANN", "pw", admin=False)


async def test_an_empty_password_is_refused(people: SqlPeople) -> None:
    with pytest.raises(Invalid):
        await people.create("ann", "", admin=False)


async def test_only_the_right_password_signs_in(people: SqlPeople) -> None:
    ann = await people.create("ann", "right", admin=False)
    assert await people.sign_in("ANN", "right") == ann
    assert await people.sign_in("ann", "wrong") is None
    assert await people.sign_in("bob", "right") is None


async def test_a_new_password_ends_every_session(people: SqlPeople) -> None:
    ann = await people.create("ann", "old", admin=False)
    session = await people.create_session(ann.id)
    assert await people.by_session(session) == ann
    await people.set_password(ann.id, "new")
    assert await people.by_session(session) is None
    assert await people.sign_in("ann", "new") == ann
    assert await people.sign_in("ann", "old") is None


async def test_a_session_that_was_ended_is_nobody(people: SqlPeople) -> None:
    ann = await people.create("ann", "pw", admin=False)
    session = await people.create_session(ann.id)
    await people.delete_session(session)
    assert await people.by_session(session) is None


async def test_a_token_acts_as_its_owner_but_only_in_its_role(people: SqlPeople) -> None:
    ann = await people.create("ann", "pw", admin=True)
    token = await people.create_token(ann.id, "laptop", Role.READ)
    assert token.startswith("hf_")
    found = await people.by_token(token)
    assert found is not None
    person, shown = found
    assert (person.id, person.role, person.admin) == (ann.id, Role.READ, True)
    assert await people.tokens(ann.id) == [shown]
    assert shown.name == "laptop"


async def test_a_deleted_token_is_nobody_and_only_its_owner_deletes_it(people: SqlPeople) -> None:
    ann = await people.create("ann", "pw", admin=False)
    bob = await people.create("bob", "pw", admin=False)
    token = await people.create_token(ann.id, "laptop", Role.WRITE)
    [shown] = await people.tokens(ann.id)
    await people.delete_token(bob.id, shown.id)
    assert await people.by_token(token)
    await people.delete_token(ann.id, shown.id)
    assert await people.by_token(token) is None


async def test_neither_password_token_nor_session_stands_in_the_database(people: SqlPeople, db: Database) -> None:
    ann = await people.create("ann", "sesame-open", admin=False)
    token = await people.create_token(ann.id, "laptop", Role.WRITE)
    session = await people.create_session(ann.id)
    tables = ("users", "tokens", "sessions", "audit")
    rows = await db.read(lambda c: [str(tuple(r)) for t in tables for r in c.execute(sa.text(f"SELECT * FROM {t}"))])
    assert len(rows) > 3
    assert not any(secret in row for row in rows for secret in ("sesame-open", token, session))


async def test_everyone_is_listed_by_name(people: SqlPeople) -> None:
    for name in ("bob", "Ann", "carl"):
        await people.create(name, "pw", admin=False)
    assert [person.name for person in await people.everyone()] == ["Ann", "bob", "carl"]
