"""Fairness between owners, their limits, pins and priorities: each rule by example, and random crowds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from spaces_runtime.domain.hardware import LEAST, Gpu, Hardware
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.instance import Phase
from spaces_runtime.domain.space import Rung
from spaces_runtime.domain.waits import OWN
from spaces_runtime.scheduler.place import HEAD_START, TURN, Capacity, Claim, Grant, behind, claim, in_turn, place
from spaces_runtime.scheduler.places import Places
from spaces_runtime.scheduler.waiting import waits
from tests.scheduler.world import World

GIB = 2**30
GPU = Hardware(name="gpu", cpus=1, memory=GIB, disk=1, gpus=1, gpu="T4")


def one(name, owner, *, holds=0, wants=1, **more):
    told = {"memory": GIB, "ceiling": 2 * GIB} | more
    return Claim(space=SpaceId(name), owner=owner, holds=holds, wants=wants, **told)


def asked(claims):
    """As they asked one after the other, with what their owners had then."""
    done = [c for c in claims if c.holds]
    for c in sorted((c for c in claims if not c.holds), key=lambda c: c.asked_at):
        done.append(replace(c, behind=behind(done, c.owner)))
    return done


def order(claims):
    return [c.space for c in in_turn(asked(claims))]


def positions(claims, memory=4 * GIB, limits=None, gpus=()):
    done = place(claims, Capacity(memory=memory, gpus=gpus), limits or {})
    return {space: (grant.places, grant.position) for space, grant in done.grants.items()}, done.evict


def test_who_asks_for_many_at_once_gets_one_before_others_and_the_rest_after_them():
    crowd = [one(f"a{n}", "ann", asked_at=n) for n in range(4)]
    crowd += [one("b0", "ben", asked_at=10), one("c0", "cy", asked_at=11)]
    assert order(crowd) == ["a0", "b0", "c0", "a1", "a2", "a3"]


def test_who_holds_many_places_waits_behind_one_who_holds_none_but_only_so_long():
    holding = [one(f"h{n}", "ann", holds=1) for n in range(3)]
    early = one("a", "ann", asked_at=0)
    assert order([*holding, early, one("b", "ben", asked_at=3 * TURN - 1)]) == ["b", "a"]
    assert order([*holding, early, one("b", "ben", asked_at=3 * TURN + 1)]) == ["a", "b"]


def test_a_tier_of_higher_priority_comes_sooner_but_only_so_much():
    low, high = one("low", "ann", asked_at=0), one("high", "ben", priority=1, asked_at=HEAD_START - 1)
    assert order([low, high]) == ["high", "low"]
    assert order([low, replace(high, asked_at=HEAD_START + 1)]) == ["low", "high"]


def test_of_those_that_may_make_way_low_priority_goes_first():
    idle = [one(n, "ann", holds=1, wants=0, idle_since=at, priority=p) for n, at, p in (("x", 1.0, 1), ("y", 2.0, 0))]
    assert positions([*idle, one("asks", "ben", memory=3 * GIB)])[1] == ("y",)


def test_an_owners_limit_keeps_only_that_owner_waiting():
    crowd = [one("runs", "ann", holds=1), one("more", "ann", asked_at=1), one("other", "ben", asked_at=2)]
    found, _ = positions(crowd, limits={"ann": 3 * GIB})
    assert found == {"runs": (1, 0), "more": (0, OWN), "other": (1, 0)}
    assert positions(crowd, limits={"ann": 4 * GIB})[0]["more"] == (1, 0)


def test_an_idle_space_of_the_same_owner_makes_way_for_one_that_its_limit_keeps_waiting():
    idle = one("idle", "ann", holds=1, wants=0, idle_since=1.0)
    others = one("others", "ben", holds=1, wants=0, idle_since=0.0)
    _, evict = positions([idle, others, one("asks", "ann")], limits={"ann": 2 * GIB})
    assert evict == ("idle",)
    _, evict = positions([idle, one("asks", "ann", ceiling=9 * GIB)], limits={"ann": 2 * GIB})
    assert evict == (), "in vain"


def test_who_has_no_gpu_hours_left_waits_for_the_month_and_keeps_nobody_else():
    gpus = (Gpu(id="g", model="NVIDIA T4", memory=GIB),)
    crowd = [one("a", "ann", tier=GPU, barred="used up"), one("b", "ben", tier=GPU, asked_at=9)]
    assert positions(crowd, gpus=gpus)[0] == {"a": (0, OWN), "b": (1, 0)}


def test_a_pinned_space_never_makes_way():
    world = World()
    for word in ("push", "look", "built", "look", "look", "up", "look", "look"):
        world.happen(word)
    idle = replace(world.space, ladder=(Rung(phase=Phase.FROZEN, after=1), Rung(phase=None, after=5)))
    now = world.now + 3
    assert claim(idle, now, 0, 0).idle_since is not None
    pinned = claim(replace(idle, pinned=True), now, 0, 0)
    assert (pinned.idle_since, pinned.free_at, pinned.holds) == (None, float("inf"), 1)


def test_what_an_owner_had_when_it_asked_counts_until_it_gets_in():
    world = World()
    for word in ("push", "look", "built", "look"):
        world.happen(word)
    started, waiting = world.space, replace(world.space, instances=())
    places = Places(Capacity(memory=LEAST))

    def position(name, owner, space=waiting, now=0.0):
        return places.ask(replace(space, id=SpaceId(name)), world.now + now, 0, owner=owner).grant.position

    assert position("runs", "cy", started) == 0
    assert [position(*each) for each in (("a1", "ann"), ("a2", "ann"), ("b", "ben"))] == [1, 2, 2]
    assert [position(*each, now=9) for each in (("a1", "ann"), ("a2", "ann"), ("b", "ben"))] == [1, 3, 2]
    places.forget(SpaceId("a1"))
    assert [position("a2", "ann"), position("b", "ben")] == [2, 1], "what it was told once stays so"
    assert places.waits(SpaceId("b")).holders == ("runs",)
    assert places.waits(SpaceId("runs")) is None


def said(claims, name, capacity, limits=None):
    done = place(claims, capacity, limits or {})
    mine = next(c for c in claims if c.space == name)
    return waits(claims, done.grants, capacity, limits or {}, mine)


def test_who_waits_is_told_what_is_missing_who_has_it_and_when_it_may_be_free():
    crowd = [
        one("large", "ann", holds=1, memory=2 * GIB, free_at=900.0),
        one("small", "ben", holds=1, memory=GIB, free_at=300.0),
        one("first", "cy", memory=2 * GIB, asked_at=1),
        one("second", "di", memory=GIB, asked_at=2),
    ]
    first = said(crowd, "first", Capacity(memory=4 * GIB))
    assert (first.memory, first.free, first.room) == (2 * GIB, GIB, 4 * GIB)
    assert (first.holders, first.others, first.at) == (("large", "small"), 0, 300.0)
    assert "It needs 2 GiB of memory, and 1 GiB of 4 GiB is free. Expected by 00:05 UTC" in first.said(0.0)
    second = said(crowd, "second", Capacity(memory=4 * GIB))
    assert second.at == 900.0, "after the first"
    assert "kept for those before it" in second.said(0.0)


def test_nobody_is_promised_a_time_that_nobody_knows():
    crowd = [one("runs", "ann", holds=1, memory=4 * GIB), one("asks", "ben")]
    assert said(crowd, "asks", Capacity(memory=4 * GIB)).at == 0.0


def test_who_waits_for_a_gpu_is_told_so():
    gpus = (Gpu(id="g", model="NVIDIA T4", memory=GIB),)
    crowd = [one("runs", "ann", holds=1, tier=GPU, has=("g",), free_at=60.0), one("cpu", "ann", holds=1)]
    found = said([*crowd, one("asks", "ben", tier=GPU)], "asks", Capacity(memory=9 * GIB, gpus=gpus))
    assert (found.devices, found.holders, found.at) == ("1 x T4", ("runs",), 60.0)
    assert found.said(0.0).startswith("It needs 1 x T4, and none is free.")


def test_who_is_kept_by_the_owners_limit_is_told_that():
    crowd = [one("runs", "ann", holds=1, free_at=60.0), one("asks", "ann")]
    found = said(crowd, "asks", Capacity(memory=9 * GIB), {"ann": 2 * GIB})
    assert "may use 2 GiB" in found.own
    assert found.at == 60.0
    barred = [one("asks", "ann", tier=GPU, barred="ann has used 1 of 1 GPU hours")]
    assert said(barred, "asks", Capacity(memory=9 * GIB)).own.startswith("ann has used")


CLAIM = st.builds(
    Claim, space=st.just(SpaceId("")), owner=st.sampled_from("abc"), holds=st.integers(0, 1), wants=st.integers(0, 1),
    memory=st.integers(LEAST, 6 * GIB), ceiling=st.integers(1, 4).map(lambda n: n * GIB), priority=st.integers(0, 2),
    given=st.just(False), idle_since=st.none() | st.floats(0, 100), asked_at=st.floats(0, 2000),
    barred=st.sampled_from(["", "", "", "used up"]),
)  # fmt: skip
CROWD = st.lists(CLAIM, max_size=14).map(lambda cs: [replace(c, space=SpaceId(f"s{n}")) for n, c in enumerate(cs)])
LIMITS = st.fixed_dictionaries({}, optional={owner: st.integers(1, 8).map(lambda n: n * GIB) for owner in "abc"})


@given(CROWD)
def test_nobody_waits_behind_those_who_asked_so_much_later(crowd):
    """However many another owner has or asks for: the wait is bounded by what one's own owner has."""
    queue = in_turn(asked(crowd))
    places = {owner: sum(c.owner == owner and (c.holds or c.wants) for c in crowd) for owner in "abc"}
    for n, c in enumerate(queue):
        before = queue[:n]
        bound = c.asked_at + TURN * places[c.owner] + HEAD_START * 2
        assert all(other.asked_at <= bound for other in before)


@given(CROWD)
def test_of_those_who_ask_at_once_whoever_had_less_comes_first(crowd):
    even = [replace(c, asked_at=5.0, priority=0, barred="") for c in crowd]
    queue = in_turn(asked(even))
    had = Counter(c.owner for c in even if c.holds)
    for n, c in enumerate(queue):
        assert all(had[c.owner] <= had[other.owner] for other in queue[n:])
        had[c.owner] += 1


@given(CROWD, LIMITS, st.integers(1, 12).map(lambda n: n * GIB))
def test_limits_and_room_hold_and_nobody_waits_in_vain(crowd, limits, memory):
    done = place(crowd, Capacity(memory=memory), limits)
    by_name = {c.space: c for c in crowd}
    new = [by_name[s] for s, grant in done.grants.items() if grant.places > by_name[s].holds]
    for owner, limit in limits.items():
        used = sum(c.ceiling * done.grants[c.space].places for c in crowd if c.owner == owner)
        assert used <= limit or not any(c.owner == owner for c in new)
    assert not any(c.barred for c in new)
    reserved = sum(min(c.memory, memory) * done.grants[c.space].places for c in crowd)
    assert reserved <= memory or not new
    assert all(by_name[s].idle_since is not None for s in done.evict)
    for space, grant in done.grants.items():
        c = by_name[space]
        if grant == Grant(0, OWN):
            used = sum(o.ceiling * done.grants[o.space].places for o in crowd if o.owner == c.owner)
            assert c.barred or used + c.ceiling > limits[c.owner]


@given(st.integers(1, 40), st.integers(1, 4), st.randoms(use_true_random=False))
def test_a_crowd_of_one_owner_does_not_starve_another(many, fit, chance):
    """Places come free one by one, and ever more is asked for; the modest one, who came later, has the second."""
    waiting, running = asked([*(one(f"a{n}", "ann") for n in range(many + fit)), one("b", "ben", asked_at=1.0)]), []
    for now in range(3):
        crowd = [*running, *waiting]
        new = one(f"late{now}", "ann", asked_at=2.0 + now)
        waiting.append(replace(new, behind=behind(crowd, "ann")))
        found, _ = positions([*running, *waiting], memory=fit * GIB)
        running += [replace(c, holds=1) for c in waiting if found[c.space][0]]
        waiting = [c for c in waiting if not found[c.space][0]]
        if any(c.space == "b" for c in running):
            return
        running.remove(chance.choice(running))
    raise AssertionError("starved")
