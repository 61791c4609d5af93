"""What gateways are told, what apps are told, and where a visitor is led."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.hosts import names
from spaces_runtime.domain.ids import RepoId, SpaceId, UserId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.ports.durable import Address
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.setup import Setup
from spaces_runtime.scheduler.environment import environment
from spaces_runtime.scheduler.routes import door_of, route_of
from spaces_runtime.scheduler.site import site_of
from tests.scheduler.world import ARTIFACT, FILES, SMALL, World

HUB = names(port=7800, public_url="", spaces_domain="", resolves=False)
REPO = Repo(
    id=RepoId("r"), kind=Kind.SPACE, namespace="Ann", name="My.Demo", visibility=Visibility.PUBLIC,
    creator=UserId("u1"), created_at=0, updated_at=0,
)  # fmt: skip
ADDRESS = Address(space=SpaceId("s"), repo=RepoId("r"), subdomain="ann-my-demo", loopback="127.1.0.1")
SITE = site_of(ADDRESS, REPO, HUB, {"title": "My demo", "emoji": "X", "colorFrom": "red", "colorTo": 7})


def lived(*words: str) -> World:
    world = World()
    for word in ("push", "nothing", "built", "nothing", "up", "nothing", "visit g0", *words):
        world.happen(word)
        world.look()
    return world


def route(world: World, site=SITE):
    return route_of(world.observe(), site, world.now)


def test_a_site_has_every_host_it_answers_to_and_the_page_on_the_hub():
    assert SITE.host == "ann-my-demo.localhost:7800"
    assert SITE.hosts == ("ann-my-demo.localhost", "127.1.0.1")
    assert SITE.page == "http://localhost:7800/spaces/Ann/My.Demo"
    public = names(port=7800, public_url="https://hub.example.org", spaces_domain="spaces.example.net", resolves=True)
    assert site_of(ADDRESS, REPO, public, {}).hosts == ("ann-my-demo.spaces.example.net",)


def test_hosts_it_had_before_are_written_like_its_own():
    assert site_of(ADDRESS, REPO, HUB, {}, ("ann-Old",)).former == ("ann-old.localhost",)


def test_the_face_is_the_readmes_and_a_bare_one_shows_the_name():
    assert (SITE.face.title, SITE.face.emoji, SITE.face.color_from, SITE.face.color_to) == ("My demo", "X", "red", "7")
    bare = site_of(ADDRESS, REPO, HUB, {"title": ["no", "text"]}).face
    assert (bare.title, bare.emoji, bare.color_from) == ("My.Demo", "", "gray")


@pytest.mark.parametrize(
    ("visibility", "private"),
    [(Visibility.PUBLIC, False), (Visibility.PROTECTED, False), (Visibility.PRIVATE, True)],
)
def test_only_a_private_space_is_closed_a_protected_one_hides_only_its_code(visibility, private):
    assert site_of(ADDRESS, replace(REPO, visibility=visibility), HUB, {}).private is private


def test_a_running_space_leads_to_its_instance_with_the_authors_headers():
    world = lived()
    head = replace(world.space.head, artifact=replace(ARTIFACT, headers=(("X-A", "b"),), frameable=False))
    world.space = replace(world.space, head=head, last_good=head)
    told = route(world)
    assert (told.instance, told.why, told.files) == (world.space.instances[0].id, "", "")
    assert (told.headers, told.frameable) == ((("X-A", "b"),), False)


def test_a_sleeping_space_can_be_woken_and_its_route_stays_as_it_was():
    world = lived("leave")
    before = route(world)
    world.happen("hush frozen")
    for _ in range(4):
        world.look()
    assert world.space.instances[0].phase is Phase.FROZEN
    assert route(world) == before, "a wake publishes nothing but the order to open"


def test_a_cold_space_has_no_door_but_no_reason_to_refuse_either():
    world = lived("leave", "hush")
    for _ in range(4):
        world.look()
    told = route(world)
    assert (told.instance, told.why) == (None, "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["pause"], "Its author paused it."),
        (["delete"], "Its author deleted it."),
        ([], "The repo has no app file"),
        (["push", "nothing", "built invalid"], "has a wrong setting: No such module."),
        (["push", "nothing", "built failed"], "did not build: No such module."),
        (["push bad", "nothing", "built", "nothing", "down", "nothing"], "did not start: No module named torch."),
    ],
)
def test_what_no_visit_can_help_is_refused_with_its_reason(words, why):
    world = World()
    for word in words:
        world.happen(word)
        world.look()
    assert why in route(world).why


def test_a_first_build_is_waited_for():
    world = World()
    world.happen("push")
    world.look()
    assert route(world).why == ""


def test_visitors_are_led_to_the_new_one_as_soon_as_it_is_open_and_never_to_a_closing_one():
    world = lived("places 2", "push", "nothing", "built", "nothing", "up")
    old, new = world.space.instances
    world.doors[new.id], world.doors[old.id] = False, True
    assert door_of(world.observe()).id == old.id, "the new one is ready but shut"
    world.doors[new.id] = True
    assert door_of(world.observe()).id == new.id
    world.doors[old.id] = False
    assert door_of(world.observe()).id == new.id
    assert door_of(replace(world.space, instances=())) is None


def test_a_crashed_instance_is_no_door():
    world = lived("crash")
    assert world.space.instances == ()
    ended = replace(lived().space.instances[0], phase=Phase.EXITED, gate=Gate.OPEN)
    assert door_of(replace(world.space, instances=(ended,))) is None


def test_files_are_served_by_the_gateways_until_an_app_that_replaces_them_has_answered():
    world = World()
    for word in ("push static", "nothing", "built", "nothing"):
        world.happen(word)
        world.look()
    assert (route(world).files, route(world).index, route(world).instance) == (FILES.location, FILES.index, None)
    for word in ("push", "nothing", "built", "nothing"):
        world.happen(word)
        world.look()
    assert world.space.instances
    assert route(world).files == FILES.location
    world.happen("up")
    world.look()
    assert (route(world).files, route(world).instance) == ("", world.space.instances[0].id)


def test_the_environment_tells_the_contract_and_nobody_makes_up_the_platforms_names():
    setup = Setup(hardware=SMALL, variables=(("SPACE_ID", "evil/x"), ("A", "1"), ("BOTH", "variable")))
    told = environment(SITE, setup, {"BOTH": "secret", "SYSTEM": "mine"}, "http://localhost:7800")
    assert told == {
        "HF_ENDPOINT": "http://localhost:7800",
        "A": "1",
        "BOTH": "secret",
        "SYSTEM": "spaces",
        "SPACE_ID": "Ann/My.Demo",
        "SPACE_AUTHOR_NAME": "Ann",
        "SPACE_REPO_NAME": "My.Demo",
        "SPACE_TITLE": "My demo",
        "SPACE_HOST": "ann-my-demo.localhost:7800",
        "SPACE_CREATOR_USER_ID": "u1",
        "ACCELERATOR": "none",
        "CPU_CORES": "2",
        "MEMORY": "1Gi",
    }


def test_the_hub_an_app_talks_to_is_the_authors_choice_and_a_gpu_is_named():
    gpu = replace(SMALL, name="l4x1", gpus=1)
    told = environment(SITE, Setup(hardware=gpu, variables=(("HF_ENDPOINT", "https://other"),)), {}, "http://h")
    assert (told["HF_ENDPOINT"], told["ACCELERATOR"]) == ("https://other", "l4x1")
