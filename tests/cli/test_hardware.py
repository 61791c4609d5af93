"""What the operator reads of the tiers."""

from __future__ import annotations

from dataclasses import replace

from spaces_runtime.cli.hardware import about, said, told, whole
from spaces_runtime.domain.hardware import GIB, Gpu, Stock, offer
from spaces_runtime.domain.tiers import TIERS

T4 = next(tier for tier in TIERS if tier.name == "t4-small")
STOCK = Stock(
    memory=64 * GIB, cpus=8, room=63 * GIB, reserved=3 * GIB, gpus=(Gpu(id="a", model="Tesla T4", memory=15 * GIB),)
)


def test_a_tier_is_listed_with_its_ceilings_and_whether_it_can_be_had():
    assert about(T4) == "4 cores, 15 GiB, disk 50 GiB, 1 x T4"
    assert said(offer(T4, STOCK), STOCK) == "yes"
    none = replace(STOCK, gpus=(), no_gpus="no driver")
    assert said(offer(T4, none), none) == "no: no driver"
    assert (told(offer(T4, none), none)["available"], told(offer(T4, none), none)["why_not"]) == (False, "no driver")


def test_devices_that_another_space_has_are_said_to_be_in_use():
    taken = replace(STOCK, leased=("a",))
    assert said(offer(T4, taken), taken) == "yes, when its devices are free again"
    assert "1 of 1 GPUs in use" in whole(taken)


def test_what_is_free_is_told_or_that_nobody_knows():
    assert whole(replace(STOCK, waiting=2, gpus=(), no_gpus="no driver")) == (
        "8 cores; 3 GiB of 63 GiB of memory reserved; 2 Spaces wait for a place. No GPU: no driver."
    )
    assert "not known" in whole(None)
