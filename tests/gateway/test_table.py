"""Nobody slips through a door that is shut. Pure: no sockets."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.route import Order
from spaces_runtime.gateway.door import Door
from spaces_runtime.gateway.table import Table
from tests.gateway.world import HOST, ONE, SPACE, route


class Guest:
    def __init__(self) -> None:
        self.was_cut = False

    def cut(self, why: str) -> None:
        self.was_cut = True


class Waiter:
    def __init__(self, look) -> None:
        self.look = look


def order(*, is_open: bool, serial: int = 0, cut_at: float = inf, instance: InstanceId = ONE) -> Order:
    return Order(instance=instance, is_open=is_open, serial=serial, cut_at=cut_at)


def test_nobody_is_admitted_after_shut_and_quiet_waits_for_those_inside():
    door, guest = Door(), Guest()
    door.open()
    assert door.admit(guest)
    door.shut()
    assert not door.admit(Guest())
    assert not door.quiet
    door.leave(guest)
    assert door.quiet


def test_who_is_held_does_not_keep_a_door_from_being_quiet():
    door, guest = Door(), Guest()
    door.open()
    assert door.hold(guest)
    door.shut()
    assert door.quiet
    assert (door.inside, door.held) == (0, 1)


def test_a_guest_who_falls_silent_and_stirs_is_inside_again_only_while_the_door_is_open():
    door, guest = Door(), Guest()
    door.open()
    door.admit(guest)
    door.calm(guest)
    door.shut()
    assert door.quiet
    assert not door.stir(guest)
    door.open()
    assert door.stir(guest)
    assert (door.inside, door.held) == (1, 0)


def test_the_last_one_out_of_a_shut_door_is_told():
    told = []
    door, one, two = Door(lambda: told.append("quiet")), Guest(), Guest()
    door.open()
    door.admit(one)
    door.admit(two)
    door.shut()
    door.leave(one)
    assert told == []
    door.leave(two)
    assert told == ["quiet"]


def test_only_those_inside_a_shut_door_are_cut_and_only_when_time_is_over():
    door, inside, held = Door(), Guest(), Guest()
    door.open()
    door.admit(inside)
    door.hold(held)
    door.shut(cut_at=100.0)
    assert door.cut(99.0) == 0
    assert door.cut(100.0) == 1
    assert inside.was_cut
    assert not held.was_cut


def test_a_route_without_an_order_counts_as_shut():
    table = Table()
    table.apply_route(HOST, route())
    assert table.admit(route(), Guest()) is None


def test_a_waiter_goes_in_when_the_door_opens_whichever_is_heard_first():
    for first in ("route", "order"):
        table, entered = Table(), []
        table.wait(SPACE, Waiter(lambda table=table, entered=entered: entered.append(table.admit(route(), Guest()))))
        if first == "route":
            table.apply_route(HOST, route())
            table.apply_order(order(is_open=True))
        else:
            table.apply_order(order(is_open=True))
            table.apply_route(HOST, route())
        assert entered[-1] is table.door(ONE)


def test_a_door_that_opens_and_shuts_at_once_lets_nobody_slip_in_afterwards():
    table = Table()
    table.apply_route(HOST, route())
    table.apply_order(order(is_open=True, serial=1))
    table.apply_order(order(is_open=False, serial=2))
    assert table.admit(route(), Guest()) is None
    assert table.door(ONE).quiet


def test_an_older_order_that_arrives_late_changes_nothing():
    table = Table()
    table.apply_order(order(is_open=False, serial=2))
    table.apply_order(order(is_open=True, serial=1))
    assert not table.door(ONE).is_open


def test_a_door_nobody_leads_to_is_forgotten_once_it_is_quiet():
    table, guest, gone = Table(), Guest(), []
    table.on_gone = gone.append
    table.apply_route(HOST, route())
    table.apply_order(order(is_open=True))
    table.admit(route(), guest)
    table.apply_route(HOST, replace(route(), instance=None))
    assert gone == []
    table.apply_order(order(is_open=False))
    table.door(ONE).leave(guest)
    table.forget_unused(ONE)
    assert gone == [], "the scheduler waits for its answer"
    table.door(ONE).owes = False
    table.forget_unused(ONE)
    assert gone == [ONE]
    assert table.door(ONE) is None


def test_a_host_that_is_taken_away_leads_nowhere():
    table = Table()
    table.apply_route(HOST, route())
    table.apply_route(HOST, None)
    assert table.lookup(HOST) is None
