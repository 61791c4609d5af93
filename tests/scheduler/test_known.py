"""What is remembered between looks: own work, instances seen and heard of, claims, usual wakes."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces_runtime.domain.ids import BuildKey, Digest, InstanceId, RevisionId, SpaceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.observed import Observed
from spaces_runtime.domain.space import Rung
from spaces_runtime.scheduler.known import Known
from spaces_runtime.scheduler.place import Capacity
from spaces_runtime.scheduler.places import Places
from spaces_runtime.scheduler.roster import Roster
from spaces_runtime.scheduler.work import WINDOW, measured
from tests.scheduler.test_routes import SITE
from tests.scheduler.world import World

READY = Instance(
    id=InstanceId("i"), space=SpaceId("s"), build=BuildKey(RevisionId("a")), spec=Digest("d"), phase=Phase.READY,
    since=0.0, answered=True,
)  # fmt: skip


def worked(*samples, touched_at=-1.0):
    """samples: (moment, CPU seconds so far)."""
    window, until = None, 0.0
    for now, cpu in samples:
        window, until = measured(window, until, replace(READY, cpu=cpu), touched_at, now)
    return until


def test_a_busy_minute_without_a_visit_is_work_of_its_own_that_goes_on():
    assert worked((0, 0.0), (WINDOW, 3.0)) == inf
    assert worked((0, 0.0), (30, 1.5), (WINDOW, 3.0)) == inf
    assert worked((0, 0.0), (WINDOW, 2.9)) == 0.0


def test_work_ends_where_its_last_busy_window_ended():
    assert worked((0, 0.0), (60, 30.0), (120, 30.1)) == 60


def test_what_an_app_does_to_start_or_for_a_visitor_is_not_its_own_work():
    assert worked((0, 50.0), (59, 90.0)) == 0.0, "not a whole window"
    assert worked((0, 0.0), (60, 30.0), touched_at=10.0) == 0.0


def test_work_ends_with_the_instance():
    window, until = measured(None, 0.0, replace(READY, cpu=0.0), -1.0, 0.0)
    window, until = measured(window, until, replace(READY, cpu=30.0), -1.0, 60.0)
    assert until == inf
    assert measured(window, until, None, -1.0, 70.0) == (None, 70.0)
    other = replace(READY, id=InstanceId("j"), cpu=99.0)
    assert measured(window, until, other, -1.0, 70.0)[1] == 70.0


def roster(*instances, at=1.0):
    made = Roster()
    for i in instances:
        made.put(i, at)
    return made


def test_news_that_came_during_a_look_at_everything_is_newer_than_it():
    here = roster(READY, at=5.0)
    frozen = replace(READY, phase=Phase.FROZEN)
    assert here.merge([frozen], began=4.0) == ()
    assert here.of(READY.space) == (READY,)
    here.merge([frozen], began=6.0)
    assert here.of(READY.space) == (frozen,)


def test_one_started_during_a_look_at_everything_is_not_lost():
    here = roster(READY, at=5.0)
    assert here.merge([], began=4.0) == ()
    assert here.of(READY.space) == (READY,)


def test_one_stopped_during_a_look_at_everything_does_not_come_back():
    here = roster(READY)
    here.drop(READY, 5.0)
    here.merge([READY], began=4.0)
    assert here.of(READY.space) == ()
    assert not here.put(replace(READY, phase=Phase.EXITED), 6.0), "late news"
    assert not here.spaces


def test_one_that_vanished_without_a_word_is_told():
    here = roster(READY)
    assert here.merge([], began=2.0) == (READY,)
    assert (here.home(READY.id), here.find(READY.space, READY.id)) == (None, None)


def test_news_is_news_only_once():
    here = roster()
    assert here.put(READY, 1.0)
    assert not here.put(READY, 2.0)
    assert here.put(replace(READY, phase=Phase.FROZEN), 3.0)
    assert here.home(READY.id) == READY.space


def space(name, *, touched_at=0.0, running=False):
    world = World()
    for word in ("push", "nothing", "built", "nothing", "up", "nothing"):
        world.happen(word)
        world.look()
    made = replace(world.space, id=SpaceId(name), touched_at=touched_at)
    return made if running else replace(made, instances=())


ROOM = Capacity(memory=2**28)  # for one


def test_a_space_that_waits_is_told_when_another_one_ends():
    places = Places(ROOM)
    assert places.ask(space("a", running=True), 1000, 0).grant.places == 1
    waits = places.ask(space("b", touched_at=1000.0), 1000, 0)
    assert (waits.grant.places, waits.grant.position) == (0, 1)
    news = places.ask(replace(space("a"), touched_at=-1e9), 1000, 0)
    assert news.changed == ("b",)
    assert places.ask(space("b", touched_at=1000.0), 1000, 0).grant.places == 1


def test_one_that_becomes_idle_while_another_waits_gives_way():
    places = Places(ROOM)
    places.ask(space("a", running=True, touched_at=1000), 1000, 0)
    places.ask(space("b", touched_at=1000), 1000, 0)
    assert places.ask(space("a", running=True, touched_at=0), 1000, 0).evict == ("a",)


def test_a_wake_of_one_that_holds_its_place_weighs_nobody():
    places = Places(ROOM)
    asleep = space("a", running=True, touched_at=0)
    assert places.ask(asleep, 1000, 0).grant.places == 1
    assert places.ask(replace(asleep, touched_at=1000), 1000, 0) == places.ask(asleep, 1000, 0)


def test_a_deleted_space_lets_the_next_one_in():
    places = Places(ROOM)
    places.ask(space("a", running=True, touched_at=1000), 1000, 0)
    places.ask(space("b", touched_at=1000), 1000, 0)
    assert places.forget(SpaceId("a")) == ("b",)
    assert places.forget(SpaceId("a")) == ()


EVENTS = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["visit", "idle", "end"])), max_size=30)


@settings(max_examples=200, deadline=None)
@given(EVENTS, st.integers(1, 3))
def test_places_are_never_overdrawn_and_nobody_waits_while_there_is_room(events, room):
    places, now = Places(Capacity(memory=room * 2**28)), 1000.0
    them = {name: space(name, touched_at=0.0) for name in "abcde"}
    started = space("x", running=True).instances
    for name, word in events:
        if word == "end":
            them[name] = replace(them[name], instances=())
        else:
            them[name] = replace(them[name], touched_at=now if word == "visit" else 0.0)
        todo = [name]
        while todo:
            one = them[todo.pop(0)]
            news = places.ask(one, now, 0)
            todo += news.changed
            todo += [evicted for evicted in news.evict if them[evicted].instances]
            for evicted in news.evict:
                them[evicted] = replace(them[evicted], instances=())
            if one.touched_at == now and news.grant.places > len(one.instances):
                them[one.id] = replace(one, instances=started)
                todo.append(one.id)
        assert sum(len(one.instances) for one in them.values()) <= room
    waiting = [name for name, one in them.items() if one.touched_at == now and not one.instances]
    running = [name for name, one in them.items() if one.instances]
    ended = [name for name, word in events if word == "end"]
    assert len(running) == room or not [name for name in waiting if name not in ended]


def known(**fields):
    made = Known(site=SITE)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_how_long_a_wake_takes_is_kept_by_where_it_began():
    it = known(waking=(Phase.FROZEN, 10.0))
    it.woke(10.005)
    it.waking = (None, 20.0)
    it.woke(24.0)
    world = World()
    frozen = replace(READY, phase=Phase.FROZEN)
    assert it.snapshot(world.space, ()).usual == pytest.approx(4.0)
    assert it.snapshot(world.space, (frozen,)).usual == pytest.approx(0.005)
    assert it.snapshot(world.space, (READY,)).usual == pytest.approx(0.005), "so that its route stays as it is"
    only_cold = replace(world.space, ladder=(Rung(phase=None, after=9),))
    assert it.snapshot(only_cold, (READY,)).usual == pytest.approx(4.0)


def test_a_wake_that_took_about_as_long_as_usual_is_no_news():
    it = known(usual={None: 4.0}, waking=(None, 0.0))
    it.woke(5.0)
    assert it.usual == {None: 4.0}
    it.waking = (None, 0.0)
    it.woke(9.0)
    assert it.usual == {None: 9.0}


def test_what_changed_while_the_database_was_read_is_read_again():
    it, old = known(), World().space
    version = it.version
    it.outdate()
    it.read(old, version)
    assert it.durable is None
    it.read(old, it.version)
    assert it.durable is old


def test_an_earlier_schedulers_last_look_is_taken_over():
    it = known()
    it.remember(Observed(at=50.0, touched_at=40.0, worked_at=inf, usual=3.0, instances=()))
    assert (it.touched_at, it.worked_at, it.usual) == (40.0, 50.0, {None: 3.0})
