"""Who gets a place: examples of each rule, and random crowds against the promises."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from spaces_runtime.domain.hardware import LEAST, Gpu, Hardware, fitting, reservation
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.space import Lease
from spaces_runtime.scheduler.place import LEASE, NEVER, Capacity, Claim, Grant, claim, place
from tests.scheduler.world import LARGE, SMALL, World

GIB = 2**30


def one(name, *, holds=0, wants=1, memory=GIB, gpus=0.0, **more):
    tier = Hardware(name="gpu", cpus=1, memory=memory, disk=1, gpus=gpus) if gpus else None
    return Claim(space=SpaceId(name), holds=holds, wants=wants, memory=memory, tier=tier, **more)


def devices(count=1, share=1.0):
    return tuple(Gpu(id=f"gpu{n}", model="NVIDIA T4", memory=16 * GIB, share=share) for n in range(count))


def grants(claims, memory=4 * GIB, gpus=()):
    """Places and position; which devices is asked of leases()."""
    done = place(claims, Capacity(memory=memory, gpus=gpus)).grants
    return {space: Grant(grant.places, grant.position) for space, grant in done.items()}


def leases(claims, gpus):
    """Space → the devices it has, is kept, or is given."""
    done = place(claims, Capacity(memory=99 * GIB, gpus=gpus)).grants
    return {c.space: {*c.has, *c.kept, *(gpu.id for gpu in done[c.space].gpus)} for c in claims}


def evicted(claims, memory=4 * GIB):
    return place(claims, Capacity(memory=memory)).evict


def test_a_reservation_follows_the_last_peak_between_a_floor_and_the_ceiling():
    assert reservation(LARGE, 0) == LEAST
    assert reservation(LARGE, GIB) == int(1.2 * GIB)
    assert reservation(SMALL, 10 * GIB) == SMALL.memory


def test_thirty_small_spaces_fit_where_one_full_tier_would():
    crowd = [one(f"s{n}", memory=reservation(LARGE, 100 * 2**20)) for n in range(30)]
    assert sum(g.places for g in grants(crowd, memory=8 * GIB).values()) == 30


def test_who_asked_first_is_first_and_the_others_know_their_number():
    crowd = [one("late", memory=3 * GIB, asked_at=3), one("early", memory=3 * GIB, asked_at=1), one("mid", asked_at=2)]
    assert grants(crowd) == {"early": Grant(1), "mid": Grant(1), "late": Grant(0, 1)}


def test_nobody_overtakes_the_first_in_the_queue_on_what_it_waits_for():
    crowd = [one("runs", holds=1, memory=3 * GIB), one("big", memory=2 * GIB, asked_at=1), one("small", asked_at=2)]
    assert grants(crowd) == {"runs": Grant(1), "big": Grant(0, 1), "small": Grant(0, 2)}


def test_one_that_waits_for_a_gpu_keeps_nobody_without_one_waiting():
    crowd = [one("runs", holds=1, gpus=1, has=("gpu0",)), one("gpu", gpus=1, asked_at=1), one("cpu", asked_at=2)]
    assert grants(crowd, gpus=devices()) == {"runs": Grant(1), "gpu": Grant(0, 1), "cpu": Grant(1)}


def test_a_gpu_belongs_to_one_space_and_so_does_a_slice():
    crowd = [one("a", gpus=1), one("b", gpus=1, asked_at=1), one("c", gpus=1, asked_at=2)]
    assert leases(crowd, devices(2)) == {"a": {"gpu0"}, "b": {"gpu1"}, "c": set()}
    thirds = [one("a", gpus=0.3), one("b", gpus=0.3, asked_at=1), one("c", gpus=0.3, asked_at=2)]
    assert leases(thirds, devices(2, share=3 / 7)) == {"a": {"gpu0"}, "b": {"gpu1"}, "c": set()}


def test_a_slice_is_taken_where_it_fits_tightest_and_a_whole_device_is_no_slice():
    there = (
        Gpu(id="large", model="A100", memory=GIB, share=3 / 7),
        Gpu(id="small", model="A100", memory=GIB, share=1 / 7),
    )
    assert leases([one("a", gpus=0.1)], there) == {"a": {"small"}}
    assert grants([one("a", gpus=0.1)], gpus=devices()) == {"a": Grant(0, NEVER)}
    assert grants([one("a", gpus=1)], gpus=there) == {"a": Grant(0, NEVER)}


def test_a_device_that_was_granted_stays_with_its_space_whoever_asks_after():
    """Seen in a draft: one who had asked earlier took the device of another's start, which was under way."""
    granted = one("late", gpus=1, kept=("gpu0",), given=True, asked_at=9)
    assert leases([granted, one("early", gpus=1, asked_at=1)], devices()) == {"late": {"gpu0"}, "early": set()}


def test_a_space_rolls_on_a_second_device_if_one_is_free_and_else_with_a_gap():
    roll = one("roll", holds=1, wants=2, gpus=1, has=("gpu0",))
    assert grants([roll], gpus=devices())["roll"] == Grant(1)
    assert leases([roll], devices(2)) == {"roll": {"gpu0", "gpu1"}}
    begun = replace(roll, kept=("gpu1",))
    assert grants([begun], gpus=devices(2))["roll"] == Grant(2), "its own lease does not stand in its way"


def test_what_this_machine_can_never_hold_blocks_nobody():
    crowd = [one("never", gpus=4, asked_at=1), one("other", gpus=1, asked_at=2)]
    assert grants(crowd, gpus=devices()) == {"never": Grant(0, NEVER), "other": Grant(1)}


def test_a_space_larger_than_the_machine_may_run_alone():
    assert grants([one("huge", memory=99 * GIB)]) == {"huge": Grant(1)}


def test_rolling_gets_a_second_place_only_when_nobody_waits_and_it_fits():
    roll = one("roll", holds=1, wants=2)
    assert grants([roll])["roll"] == Grant(2)
    assert grants([roll], memory=GIB)["roll"] == Grant(1)
    assert grants([roll, one("waits", memory=4 * GIB)])["roll"] == Grant(1)


def test_the_longest_idle_goes_first_but_not_one_with_an_open_tab():
    idle = [one(f"i{n}", holds=1, wants=0, idle_since=10.0 - n, held=n == 3) for n in range(4)]
    assert evicted([*idle, one("asks")]) == ("i2",)
    assert evicted([*idle, one("asks", memory=4 * GIB)]) == ("i2", "i1", "i0", "i3")


def test_nobody_is_evicted_in_vain():
    busy = one("busy", holds=1, memory=3 * GIB)
    idle = one("idle", holds=1, wants=0, memory=GIB, idle_since=1.0)
    assert evicted([busy, idle, one("asks", memory=2 * GIB)]) == ()
    small = one("small", holds=1, wants=0, memory=LEAST, idle_since=0.0)
    large = one("large", holds=1, wants=0, memory=3 * GIB, idle_since=1.0)
    assert evicted([small, large, one("asks", memory=3 * GIB)]) == ("large",)


def test_a_place_that_was_just_given_is_not_counted_as_free_when_somebody_is_to_give_way():
    idle = one("idle", holds=1, wants=0, memory=GIB, idle_since=0.0)
    crowd = [idle, one("early", memory=GIB, asked_at=1), one("big", memory=4 * GIB - 1, asked_at=2)]
    assert place(crowd, Capacity(memory=4 * GIB)).evict == (), "in vain: the early one takes what it would free"


THERE = (*devices(2), *(replace(gpu, id=f"slice{n}") for n, gpu in enumerate(devices(2, share=0.5))))
TIERS = [None, None, *(Hardware(name="gpu", cpus=1, memory=1, disk=1, gpus=gpus) for gpus in (0.25, 0.5, 1.0, 2.0))]
CLAIM = st.builds(
    Claim, space=st.just(SpaceId("")), holds=st.integers(0, 2), wants=st.integers(0, 2),
    memory=st.integers(LEAST, 6 * GIB), tier=st.sampled_from(TIERS), given=st.booleans(),
    idle_since=st.none() | st.floats(0, 100), held=st.booleans(), asked_at=st.floats(0, 100),
)  # fmt: skip


def crowd_of(claims):
    """With names, and devices as they would have been given: those that hold a place first."""
    free, named = list(THERE), []
    for n, c in enumerate(claims):
        has = [gpu for _ in range(c.holds) for gpu in (fitting(c.tier, free) if c.tier else ())]
        free = [gpu for gpu in free if gpu not in has]
        named.append(replace(c, space=SpaceId(f"s{n}"), has=tuple({gpu.id for gpu in has})))
    return named


CROWD = st.lists(CLAIM, max_size=12).map(crowd_of)
GPUS = st.sampled_from([(), THERE[:1], THERE])


@settings(max_examples=500, deadline=None)
@given(CROWD, st.integers(GIB, 16 * GIB), GPUS)
def test_what_runs_keeps_its_place_and_new_places_fit_into_what_is_left(crowd, memory, gpus):
    done = place(crowd, Capacity(memory=memory, gpus=gpus))
    assert set(done.grants) == {c.space for c in crowd}
    new_memory = sum((done.grants[c.space].places - c.holds) * min(c.memory, memory) for c in crowd)
    held = sum(c.holds * min(c.memory, memory) for c in crowd)
    assert all(done.grants[c.space].places >= c.holds for c in crowd)
    assert new_memory == 0 or held + new_memory <= memory
    leased = [gpu.id for c in crowd for gpu in done.grants[c.space].gpus]
    assert len(leased) == len(set(leased)), "to one each"
    assert not {gpu for c in crowd for gpu in c.has} & set(leased), "and to nobody what another has"
    for c in crowd:
        more = done.grants[c.space].places > c.holds and c.tier is not None
        assert len(done.grants[c.space].gpus) == (max(1, round(c.tier.gpus)) if more else 0)


@settings(max_examples=500, deadline=None)
@given(CROWD, st.integers(GIB, 16 * GIB), GPUS)
def test_the_queue_is_numbered_without_gaps_in_the_order_of_asking(crowd, memory, gpus):
    done = place(crowd, Capacity(memory=memory, gpus=gpus)).grants
    waiting = sorted((c for c in crowd if done[c.space].position > 0), key=lambda c: done[c.space].position)
    assert [done[c.space].position for c in waiting] == list(range(1, len(waiting) + 1))
    turns = [(not c.given, c.asked_at) for c in waiting]
    assert turns == sorted(turns)
    for c in crowd:
        grant = done[c.space]
        assert grant.places <= max(c.holds, c.wants, c.holds and c.holds + 1)
        assert (grant.position == 0) == bool(grant.places or not c.wants)


@settings(max_examples=500, deadline=None)
@given(CROWD, st.integers(GIB, 16 * GIB), GPUS)
def test_evicting_makes_room_for_the_first_in_the_queue_and_touches_only_the_idle(crowd, memory, gpus):
    done = place(crowd, Capacity(memory=memory, gpus=gpus))
    idle = {c.space for c in crowd if c.idle_since is not None and c.holds}
    assert set(done.evict) <= idle
    if done.evict:
        first = next(c for c in crowd if done.grants[c.space].position == 1)
        rest = [replace(c, holds=0, wants=0, has=()) if c.space in done.evict else c for c in crowd]
        assert place(rest, Capacity(memory=memory, gpus=gpus)).grants[first.space].places == 1


def running(*more: str) -> World:
    world = World()
    for word in ("push", "nothing", "built", "nothing", "up", "nothing", "visit g0", *more):
        world.happen(word)
        world.look()
    return world


def of(world: World) -> Claim:
    return claim(world.observe(), world.now, peak=0, asked_at=0.0)


def test_a_running_space_holds_one_place_and_wants_no_more():
    assert (of(running()).holds, of(running()).wants, of(running()).idle_since) == (1, 1, None)


def test_a_pushed_app_wants_a_place_and_files_want_none():
    world = World()
    for word in ("push", "built"):
        world.look()
        world.happen(word)
    world.look()
    world.space = replace(world.space, instances=())
    assert (of(world).holds, of(world).wants) == (0, 1)
    for word in ("push static", "nothing", "built", "nothing"):
        world.happen(word)
        world.look()
    assert of(world).wants == 0


def test_a_new_setting_wants_a_second_place_until_the_fresh_one_is_there():
    world = running("places 1")
    world.happen("secret")
    assert of(world).wants == 2
    world.happen("places 2")
    world.look()
    assert (of(world).holds, of(world).wants) == (2, 1)


def test_a_frozen_space_holds_its_place_and_may_go_for_others_since_its_last_visit():
    world = running("leave", "time 150", "nothing", "nothing", "nothing")
    assert [i.phase for i in world.space.instances] == [Phase.FROZEN]
    assert (of(world).holds, of(world).wants, of(world).idle_since) == (1, 0, world.space.touched_at)


def test_a_paused_or_never_sleeping_space_is_not_sent_away():
    world = running("leave", "time 150", "nothing", "nothing", "nothing")
    world.space = replace(world.space, ladder=world.space.ladder[:1])
    assert of(world).idle_since is None
    world.happen("pause")
    assert (of(world).wants, of(world).idle_since) == (0, None)


def test_a_start_that_was_ordered_keeps_its_devices_until_it_is_seen_or_long_overdue():
    world = running()
    world.space = replace(world.space, lease=Lease(instance="new", gpus=("gpu0",), at=world.now))
    assert of(world).kept == ("gpu0",), "the scheduler that ordered it was killed; nobody else gets the device"
    world.space = replace(world.space, lease=Lease(instance="new", gpus=("gpu0",), at=world.now - LEASE))
    assert of(world).kept == ()
    known = world.space.instances[0]
    world.space = replace(
        world.space,
        lease=Lease(instance=known.id, gpus=("gpu0",), at=world.now),
        instances=(replace(known, gpus=("gpu0",)),),
    )
    assert (of(world).has, of(world).kept) == (("gpu0",), ())
