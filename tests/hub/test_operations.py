"""What API, pages and command line share, on the real stores."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from builder.artifact import Artifact, ArtifactKind
from spaces_runtime.domain.errors import Fault, Invalid, Missing, Refused, Taken, Unknown
from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RevisionId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.observed import Observed
from spaces_runtime.domain.operations import people, settings, show, wake
from spaces_runtime.domain.operations.desk import Desk
from spaces_runtime.domain.people import Person, Role
from spaces_runtime.domain.repo import Kind, Repo
from spaces_runtime.domain.settings import HubSettings
from spaces_runtime.domain.space import BuildState, Revision
from spaces_runtime.domain.stage import Stage
from tests.hub.conftest import PASSWORD

REVISION = RevisionId("a" * 40)


def seen(hub, repo: Repo, phase: Phase, ago: float = 0.0) -> float:
    """Let the scheduler have seen an instance in this phase; gives the time."""
    now = time.time()

    async def publish(desk: Desk) -> None:
        address = await desk.spaces.of_repo(repo.id)
        assert address is not None
        instance = Instance(
            id=InstanceId("i"),
            space=address.space,
            build=BuildKey(REVISION),
            spec=Digest("d"),
            phase=phase,
            since=now - ago,
            answered=True,
            gate=Gate.OPEN,
        )
        await desk.observations.publish({address.space: Observed(at=now - ago, instances=(instance,), places=1)})

    hub.do(publish)
    return now


@pytest.mark.parametrize(
    ("phase", "rung"), [(Phase.READY, "running"), (Phase.FROZEN, "frozen"), (Phase.EXITED, "cold")]
)
def test_the_rung_is_that_of_the_warmest_instance(hub, make, phase, rung):
    repo = make()
    now = seen(hub, repo, phase)
    assert hub.do(lambda desk: show.show(desk, repo, now)).rung == rung


def test_what_serves_is_shown_with_its_revision(hub, make):
    repo = make()
    now = seen(hub, repo, Phase.READY)
    view = hub.do(lambda desk: show.show(desk, repo, now))
    assert (view.stage, view.serves, view.seen_at) == (Stage.RUNNING, REVISION, pytest.approx(now))


def test_what_was_seen_long_ago_is_said_to_be_so(hub, make):
    repo = make()
    now = seen(hub, repo, Phase.READY, ago=60)
    assert "has not looked since" not in hub.do(lambda desk: show.show(desk, repo, now)).why
    assert "the scheduler has not looked since" in hub.do(lambda desk: show.show(desk, repo, now + 40)).why


def test_a_space_nobody_looked_at_says_so(hub, make):
    repo = make()
    assert "the scheduler has not told" in hub.do(lambda desk: show.show(desk, repo, time.time())).why


def test_one_look_at_many_gives_what_a_look_at_each_gives(hub, make):
    repos, now = [make(), make()], time.time()
    each = [hub.do(lambda desk, repo=repo: show.show(desk, repo, now)) for repo in repos]
    assert hub.do(lambda desk: show.show_all(desk, repos, now)) == each


def test_a_setting_is_told_to_the_scheduler(hub, make, ann):
    repo = make()

    async def change(desk: Desk) -> bool:
        address = await desk.spaces.of_repo(repo.id)
        assert address is not None

        async def told() -> bool:
            async for space, visit in desk.wakes.asked():
                if space == address.space:
                    return not visit
            return False

        following = asyncio.ensure_future(told())
        async with asyncio.timeout(10):
            while not following.done():  # again until the follower is there: a hint may be lost
                await settings.put_variable(desk, ann.person, repo, name="A", value=str(time.time()), description="")
                await asyncio.wait({following}, timeout=0.1)
        return following.result()

    assert hub.do(change)


def test_waking_is_a_visit_and_a_paused_space_stays_paused(hub, make, ann, bob):
    repo, now = make(), time.time()
    hub.do(lambda desk: wake.wake(desk, bob.person, repo, now))
    hub.do(lambda desk: settings.pause(desk, ann.person, repo))
    with pytest.raises(Refused, match="Its owner can restart it"):
        hub.do(lambda desk: wake.wake(desk, bob.person, repo, now))


@pytest.mark.parametrize("rung", ["frozen", "checkpointed", "cold"])
def test_sleep_at_once_is_kept_with_its_rung(hub, make, ann, rung):
    repo, now = make(), time.time()
    hub.do(lambda desk: wake.sleep(desk, ann.person, repo, now, rung))

    async def hush(desk: Desk):
        address = await desk.spaces.of_repo(repo.id)
        return (await desk.spaces.snapshot([address.space]))[0].hush

    kept = hub.do(hush)
    assert (kept.phase, kept.at) == (wake.RUNGS[rung], pytest.approx(now))


def test_there_is_no_other_rung_and_strangers_put_nothing_to_sleep(hub, make, ann, bob):
    repo, now = make(), time.time()
    with pytest.raises(Fault, match="frozen, paged, checkpointed, packed or cold"):
        hub.do(lambda desk: wake.sleep(desk, ann.person, repo, now, "lukewarm"))
    with pytest.raises(Refused, match="not its owner"):
        hub.do(lambda desk: wake.sleep(desk, bob.person, repo, now, "cold"))


def test_only_an_admin_makes_accounts_unless_people_may_sign_up(hub, ann, root):
    async def make_one(desk: Desk, who: Person | None, name: str, **more: bool) -> Person:
        return await people.create_user(desk, who, name=name, password=PASSWORD, **more)

    made = hub.do(lambda desk: make_one(desk, root.person, "Carol", admin=True))
    assert (made.name, made.admin) == ("Carol", True)
    for who in (None, ann.person, replace(root.person, role=Role.READ)):
        with pytest.raises(Refused, match="an admin does that"):
            hub.do(lambda desk, who=who: make_one(desk, who, "dave"))
    with pytest.raises(Taken):
        hub.do(lambda desk: make_one(desk, root.person, "cAROL"))

    def welcoming(desk: Desk) -> Desk:
        return replace(desk, settings=replace(desk.settings, hub=HubSettings(sign_up=True)))

    assert not hub.do(lambda desk: make_one(welcoming(desk), None, "erin")).admin
    with pytest.raises(Refused):
        hub.do(lambda desk: make_one(welcoming(desk), None, "mallory", admin=True))


@pytest.mark.parametrize("name", ["", "api", "Spaces", "a--b", ".a", "a/b", "a b", "x" * 41, "a.git", "é"])
def test_a_name_that_would_be_no_namespace_is_refused(hub, root, name):
    with pytest.raises(Fault):
        hub.do(lambda desk: people.create_user(desk, root.person, name=name, password=PASSWORD))


@pytest.mark.parametrize("password", ["", "short", "x" * 2000])
def test_a_password_has_a_shortest_and_a_longest(hub, root, password):
    with pytest.raises(Invalid, match="8 to 1024"):
        hub.do(lambda desk: people.create_user(desk, root.person, name="frank", password=password))


def test_signing_in_says_the_same_for_a_wrong_name_and_a_wrong_password(hub, ann):
    person, session = hub.do(lambda desk: people.sign_in(desk, name="ANN", password=PASSWORD))
    assert (person.name, hub.do(lambda desk: desk.people.by_session(session))) == ("ann", person)
    faults = []
    for name, password in (("ann", "wrong password"), ("nobody-here", PASSWORD), ("x" * 999, "y" * 9999)):
        with pytest.raises(Unknown) as fault:
            hub.do(lambda desk, n=name, p=password: people.sign_in(desk, name=n, password=p))
        faults.append(str(fault.value))
    assert len(set(faults)) == 1


def test_a_new_password_needs_the_old_one_and_ends_the_sessions(hub, root):
    made = hub.do(lambda desk: people.create_user(desk, root.person, name="grace", password=PASSWORD))
    _, session = hub.do(lambda desk: people.sign_in(desk, name="grace", password=PASSWORD))
    with pytest.raises(Refused, match="present one is not right"):
        hub.do(lambda desk: people.change_password(desk, made, old="wrong", new="another one"))
    hub.do(lambda desk: people.change_password(desk, made, old=PASSWORD, new="another one"))
    assert hub.do(lambda desk: desk.people.by_session(session)) is None
    with pytest.raises(Refused):
        hub.do(lambda desk: people.reset_password(desk, made, name="grace", new=PASSWORD))
    hub.do(lambda desk: people.reset_password(desk, root.person, name="grace", new=PASSWORD))
    hub.do(lambda desk: people.sign_in(desk, name="grace", password=PASSWORD))


def test_a_static_space_is_served_and_neither_sleeps_nor_wakes(hub, make, ann):
    repo, now = make(sdk="static"), time.time()

    async def build(desk: Desk) -> None:
        address = await desk.spaces.of_repo(repo.id)
        artifact = Artifact(kind=ArtifactKind.STATIC, digest="d", location="/files", command=(), port=0)
        await desk.spaces.set_head(address.space, REVISION)
        built = Revision(key=BuildKey(REVISION), build=BuildState.DONE, artifact=artifact)
        await desk.builds.record(address.space, built)

    hub.do(build)
    view = hub.do(lambda desk: show.show(desk, repo, now))
    assert (view.stage, view.rung, view.is_static, view.serves) == (Stage.RUNNING, "running", True, REVISION)
    hub.do(lambda desk: wake.wake(desk, ann.person, repo, now))
    with pytest.raises(Fault, match="nothing runs"):
        hub.do(lambda desk: wake.sleep(desk, ann.person, repo, now, "cold"))


def test_a_repo_without_a_space_has_nothing_to_show(hub, make):
    repo = make(Kind.MODEL)
    with pytest.raises(Missing):
        hub.do(lambda desk: show.show(desk, repo, time.time()))
    assert hub.do(lambda desk: show.show_all(desk, [repo], time.time())) == []
