"""Which tiers can be had on which machine, and what is said of those that cannot."""

from __future__ import annotations

import pytest

from spaces_runtime.domain.hardware import GIB, Gpu, Hardware, Stock, fitting, is_model, offer, size
from spaces_runtime.domain.tiers import TIERS

ALL = {tier.name: tier for tier in TIERS}
NONE = "this machine has no NVIDIA driver, or no GPU"
LAPTOP = Stock(memory=24 * GIB, cpus=2, room=23 * GIB, no_gpus=NONE)
ANY = Hardware(name="gpu", cpus=2, memory=GIB, disk=GIB, gpus=1)
PART = Hardware(name="part", cpus=2, memory=GIB, disk=GIB, gpus=0.3)


def server(*gpus: Gpu) -> Stock:
    return Stock(memory=512 * GIB, cpus=64, room=500 * GIB, gpus=gpus)


def t4(name: str = "a") -> Gpu:
    return Gpu(id=name, model="Tesla T4", memory=15 * GIB)  # as the driver tells it: not the 16 of the label


@pytest.mark.parametrize("name", [tier.name for tier in TIERS if tier.gpus and not tier.never])
def test_without_a_gpu_no_tier_with_one_can_be_chosen(name):
    assert offer(ALL[name], LAPTOP).why_not == NONE


def test_gpus_that_spaces_share_call_by_call_are_nowhere():
    assert "share call by call" in offer(ALL["zero-a10g"], server(t4())).why_not


def test_a_tier_is_had_where_its_devices_are():
    assert offer(ALL["t4-small"], server(t4())).why_not == ""
    assert offer(ALL["l4x1"], server(t4())).why_not == "it needs 1 x L4 of 24 GiB, this machine has 1 x Tesla T4"
    four = server(*(Gpu(id=f"{n}", model="NVIDIA L4", memory=23 * GIB) for n in range(3)))
    assert offer(ALL["l4x4"], four).why_not == "it needs 4 x L4 of 24 GiB, this machine has 3 x NVIDIA L4"
    assert offer(ANY, server(t4())).why_not == ""


def test_a_slice_is_had_from_a_device_that_is_divided():
    whole = Gpu(id="w", model="NVIDIA A100-SXM4-80GB", memory=80 * GIB)
    third = Gpu(id="s", model="NVIDIA A100-SXM4-80GB", memory=40 * GIB, share=3 / 7)
    assert "a slice of a GPU" in offer(PART, server(whole)).why_not
    assert offer(PART, server(third)).why_not == ""
    assert offer(ANY, server(third)).why_not, "a slice is no device"


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ("NVIDIA A10G", "A10G", True), ("NVIDIA A10", "A10G", False), ("NVIDIA L40S", "L4", False),
        ("NVIDIA A100-SXM4-80GB", "A100", True), ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000", True),
        ("NVIDIA RTX 6000 Ada Generation", "RTX PRO 6000", False), ("anything", "", True),
    ],
)  # fmt: skip
def test_a_model_is_known_by_its_words(found, wanted, same):
    assert is_model(found, wanted) is same


def test_a_small_device_of_the_same_name_is_not_what_was_promised():
    small = Gpu(id="s", model="NVIDIA A100-PCIE-40GB", memory=40 * GIB)
    assert fitting(ALL["a100-large"], [small]) == ()


def test_what_is_too_large_for_the_machine_is_said_at_choosing():
    assert offer(ALL["cpu-upgrade"], LAPTOP).why_not == "it has 32 GiB of memory, this machine 24 GiB"
    narrow = Stock(memory=64 * GIB, cpus=2, room=63 * GIB)
    assert (offer(ALL["cpu-upgrade"], narrow).why_not, offer(ALL["cpu-upgrade"], narrow).note) == (
        "", "this machine has 2 cores",
    )  # fmt: skip


def test_the_tier_that_everybody_gets_is_had_on_the_smallest_machine_and_says_what_that_means():
    small = Stock(memory=4 * GIB, cpus=1, room=3 * GIB)
    got = offer(ALL["cpu-basic"], small, standard=True)
    assert (got.why_not, got.note) == ("", "this machine has 1 cores; this machine has 4 GiB of memory")


def test_before_anybody_has_looked_only_gpus_have_to_wait():
    assert offer(ALL["cpu-upgrade"], None).why_not == ""
    assert "not known yet" in offer(ALL["t4-small"], None).why_not


def test_sizes_are_spoken_of_as_people_do():
    assert (size(192 * 2**20), size(16 * GIB), size(int(1.5 * GIB))) == ("192 MiB", "16 GiB", "1.5 GiB")
