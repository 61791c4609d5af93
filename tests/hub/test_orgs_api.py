"""Organisations: who is in them, and what each role may in their namespace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from spaces_runtime.domain.errors import Invalid, Taken
from spaces_runtime.domain.operations.orgs import create_org, delete_org, set_role
from spaces_runtime.domain.operations.repos import NewRepo, create_repo
from spaces_runtime.domain.people import OrgRole
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from tests.hub.conftest import Account, account
from tests.hub.serving import Hub

NUMBERS = count()
ROLES = (None, *OrgRole)


@pytest.fixture
def org(hub: Hub, ann: Account) -> str:
    """One that ann leads."""
    name = f"Team-{next(NUMBERS)}"
    hub.do(lambda desk: create_org(desk, ann.person, name=name, fullname="The team"))
    return name


@pytest.fixture(scope="module")
def mia(hub: Hub) -> Account:
    """Whose role changes."""
    return account(hub, "mia")


def give(hub: Hub, ann: Account, org: str, who: Account, role: OrgRole | None) -> None:
    leader = hub.do(lambda desk: desk.people.by_id(ann.person.id))
    assert leader is not None
    hub.do(lambda desk: set_role(desk, leader, org, who.name, role))


def make(hub: Hub, ann: Account, org: str, kind: Kind = Kind.MODEL) -> Repo:
    leader = hub.do(lambda desk: desk.people.by_id(ann.person.id))
    new = NewRepo(
        kind=kind, namespace=org, name=f"r{next(NUMBERS)}", visibility=Visibility.PRIVATE,
        sdk="static" if kind is Kind.SPACE else "",
    )  # fmt: skip
    return hub.do(lambda desk: create_repo(desk, leader, new, time.time()))


@pytest.fixture
def signed(client: httpx.Client, ann: Account) -> Iterator[httpx.Client]:
    client.headers["Authorization"] = f"Bearer {ann.write}"
    return client


# What a member may: see its private repos, create one, change another's, change their own, delete another's.
MAY = {
    None: (False, False, False, False, False),
    OrgRole.READ: (True, False, False, False, False),
    OrgRole.CONTRIBUTOR: (True, True, False, True, False),
    OrgRole.WRITE: (True, True, True, True, True),
    OrgRole.ADMIN: (True, True, True, True, True),
}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_it_says(hub: Hub, ann: Account, mia: Account, org: str, role: OrgRole | None) -> None:
    theirs = make(hub, ann, org)
    if role is not None:
        give(hub, ann, org, mia, role)
    api = HfApi(endpoint=hub.url, token=mia.write)
    own = f"{org}/own"
    got = (
        works(lambda: api.model_info(theirs.full)),
        works(lambda: api.create_repo(own, private=True)),
        works(lambda: api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=theirs.full)),
        works(lambda: api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=own)),
        works(lambda: api.delete_repo(theirs.full)),
    )
    assert got == MAY[role]


def works(call) -> bool:
    try:
        call()
    except (HfHubHTTPError, RepositoryNotFoundError):
        return False
    return True


def test_a_role_that_is_taken_away_is_gone_with_the_next_request(
    hub: Hub, ann: Account, mia: Account, org: str
) -> None:
    repo = make(hub, ann, org)
    give(hub, ann, org, mia, OrgRole.WRITE)
    api = HfApi(endpoint=hub.url, token=mia.write)
    api.model_info(repo.full)
    give(hub, ann, org, mia, None)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info(repo.full)


def test_a_token_that_may_only_read_changes_nothing_in_an_organisation(
    hub: Hub, ann: Account, mia: Account, org: str
) -> None:
    repo = make(hub, ann, org)
    give(hub, ann, org, mia, OrgRole.ADMIN)
    api = HfApi(endpoint=hub.url, token=mia.read)
    assert api.model_info(repo.full).id == repo.full
    with pytest.raises(HfHubHTTPError, match="may only read"):
        api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=repo.full)
    with pytest.raises(HfHubHTTPError, match="may only read"):
        api.create_repo(f"{org}/more")


@pytest.mark.client("HfApi.whoami", "HfApi.get_organization_overview")
def test_whoami_and_overviews_name_the_organisation(hub: Hub, ann: Account, mia: Account, org: str) -> None:
    give(hub, ann, org, mia, OrgRole.CONTRIBUTOR)
    api = HfApi(endpoint=hub.url, token=mia.write)
    mine = {each["name"]: each for each in api.whoami()["orgs"]}
    assert (mine[org]["roleInOrg"], mine[org]["type"], mine[org]["fullname"]) == ("contributor", "org", "The team")
    assert org in {each.name for each in api.get_user_overview("mia").orgs}
    make(hub, ann, org)
    shown = api.get_organization_overview(org.lower())
    assert (shown.name, shown.fullname, shown.num_users, shown.num_models) == (org, "The team", 2, 1)
    assert HfApi(endpoint=hub.url, token=False).get_organization_overview(org).num_models == 0
    assert httpx.get(shown.avatar_url).headers["content-type"] == "image/svg+xml"
    assert list(api.list_organization_followers(org)) == []


def test_members_come_in_pages(hub: Hub, ann: Account, bob: Account, mia: Account, org: str) -> None:
    for who in (bob, mia):
        give(hub, ann, org, who, OrgRole.READ)
    names, url = [], f"{hub.url}/api/organizations/{org}/members?limit=2"
    while url:
        page = httpx.get(url)
        names.append([row["user"] for row in page.json()])
        url = page.links.get("next", {}).get("url", "")
    assert names == [["ann", "bob"], ["mia"]]
    api = HfApi(endpoint=hub.url, token=ann.write)
    assert [user.username for user in api.list_organization_members(org)] == ["ann", "bob", "mia"]


def test_the_api_makes_organisations_and_members(hub: Hub, signed: httpx.Client, bob: Account) -> None:
    name = f"made-{next(NUMBERS)}"
    made = signed.post("/api/organizations/create", json={"name": name, "fullname": "Made"})
    assert made.status_code == 200, made.text
    assert signed.put(f"/api/organizations/{name}/members/bob", json={"role": "write"}).status_code == 200
    roles = {row["user"]: row["role"] for row in signed.get(f"/api/organizations/{name}/members").json()}
    assert roles == {"ann": "admin", "bob": "write"}
    other = {"Authorization": f"Bearer {bob.write}"}
    refused = httpx.put(f"{hub.url}/api/organizations/{name}/members/ann", json={"role": "read"}, headers=other)
    assert refused.status_code == 403
    assert httpx.delete(f"{hub.url}/api/organizations/{name}/members/bob", headers=other).status_code == 200  # leaves
    assert signed.put(f"/api/organizations/{name}/members/bob", json={"role": "king"}).status_code == 400


def test_the_last_who_leads_cannot_leave(hub: Hub, ann: Account, org: str) -> None:
    with pytest.raises(Invalid, match="nobody would be left who leads it"):
        give(hub, ann, org, ann, None)


def test_users_and_organisations_share_their_names(hub: Hub, ann: Account, org: str) -> None:
    with pytest.raises(Taken):
        hub.do(lambda desk: create_org(desk, ann.person, name="BOB"))
    with pytest.raises(Taken):
        hub.do(lambda desk: desk.people.create(org.lower(), "correct horse battery", admin=False))


def test_only_an_empty_organisation_can_be_deleted(hub: Hub, ann: Account, org: str) -> None:
    leader = hub.do(lambda desk: desk.people.by_id(ann.person.id))
    repo = make(hub, ann, org)
    with pytest.raises(Taken, match="it has repos"):
        hub.do(lambda desk: delete_org(desk, leader, org))
    HfApi(endpoint=hub.url, token=ann.write).delete_repo(repo.full)
    hub.do(lambda desk: delete_org(desk, leader, org))
    assert httpx.get(f"{hub.url}/api/organizations/{org}/overview").status_code == 404


@pytest.mark.client("HfApi.list_user_repos")
def test_repos_are_listed_with_their_sizes(hub: Hub, ann: Account, mia: Account, org: str) -> None:
    made = [make(hub, ann, org, kind) for kind in (Kind.MODEL, Kind.DATASET, Kind.SPACE)]
    api = HfApi(endpoint=hub.url, token=ann.write)
    api.upload_file(path_or_fileobj=b"\0" * 50_000, path_in_repo="big.bin", repo_id=made[0].full)
    rows = {row.id: row for row in api.list_user_repos(org)}
    assert {row.type for row in rows.values()} == {"model", "dataset", "space"}
    assert rows.keys() == {repo.full for repo in made}
    assert rows[made[0].full].storage >= 50_000
    assert rows[made[0].full].visibility == "private"
    assert made[0].full not in {row.id for row in api.list_user_repos()}
    with pytest.raises(HfHubHTTPError, match="404"):
        list(HfApi(endpoint=hub.url, token=mia.write).list_user_repos(org))


def test_listing_by_an_organisation_shows_private_repos_to_its_members_only(
    hub: Hub, ann: Account, mia: Account, bob: Account, org: str
) -> None:
    repo = make(hub, ann, org)
    give(hub, ann, org, mia, OrgRole.READ)
    seen = {
        who.name: [found.id for found in HfApi(endpoint=hub.url, token=who.write).list_models(author=org.upper())]
        for who in (ann, mia, bob)
    }
    assert seen == {"ann": [repo.full], "mia": [repo.full], "bob": []}


def test_a_repo_moves_into_an_organisation_and_out(hub: Hub, ann: Account, bob: Account, org: str) -> None:
    api = HfApi(endpoint=hub.url, token=ann.write)
    name = f"travels-{next(NUMBERS)}"
    api.create_repo(name)
    api.move_repo(f"ann/{name}", f"{org.lower()}/{name}")
    assert api.model_info(f"ann/{name}").id == f"{org}/{name}"
    give(hub, ann, org, bob, OrgRole.CONTRIBUTOR)
    theirs = HfApi(endpoint=hub.url, token=bob.write)
    with pytest.raises(HfHubHTTPError, match="403"):
        theirs.move_repo(f"{org}/{name}", f"bob/{name}")
    api.move_repo(f"{org}/{name}", f"ann/{name}")
    assert api.model_info(f"{org}/{name}").id == f"ann/{name}"
