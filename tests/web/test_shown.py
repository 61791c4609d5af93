"""A page says what the API says, in a word, a colour and the same sentence."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.repo import Kind, Repo, Visibility
from spaces_runtime.domain.stage import Stage
from spaces_runtime.domain.tiers import TIERS
from spaces_runtime.web.session import onward
from spaces_runtime.web.shown import WORDS, about, face, shown
from spaces_runtime.web.site import spoken_bytes

REPO = Repo(id="r", kind=Kind.SPACE, namespace="ann", name="hello", visibility=Visibility.PUBLIC, creator="u",
            created_at=0, updated_at=0)  # fmt: skip


@dataclass
class Seen:
    """The part of a View that a page reads."""

    stage: Stage
    rung: str = "cold"
    why: str = "Out of memory at 11:43. Choose more memory."
    repo: Repo = REPO
    url: str = "http://ann-hello.localhost:7800"
    serves: str | None = None
    hardware: str | None = None
    requested: str = "cpu-basic"
    tier: Hardware = TIERS[0]
    reserved: int = 2**28
    position: int = 0
    is_static: bool = False


def test_every_stage_has_a_word():
    assert set(WORDS) == set(Stage)


@pytest.mark.parametrize("rung", ["frozen", "checkpointed", "cold"])
def test_the_bars_of_a_sleeping_space_show_its_rung(rung):
    assert shown(Seen(Stage.SLEEPING, rung=rung), {}).tone == rung


def test_a_card_shrinks_the_reason_to_one_clause_when_something_is_wrong():
    assert shown(Seen(Stage.RUNTIME_ERROR), {}).clause == "Stopped: Out of memory at 11:43"
    assert shown(Seen(Stage.RUNNING), {}).clause == "Running"


def test_a_sleeping_space_opens_and_a_paused_one_does_not():
    assert shown(Seen(Stage.SLEEPING), {}).opens
    assert not shown(Seen(Stage.PAUSED), {}).opens


def test_the_frame_starts_where_the_author_says_and_carries_the_proof_of_a_private_one():
    assert shown(Seen(Stage.RUNNING), {"base_path": "/docs"}).entry == "http://ann-hello.localhost:7800/docs"
    assert shown(Seen(Stage.RUNNING), {}, proof="p.q").entry == "http://ann-hello.localhost:7800/?__sign=p.q"


def test_a_wrong_colour_is_plain_and_a_missing_title_is_the_name():
    assert face({"colorFrom": "teal", "emoji": "🐦"}, "hello").color_from == "gray"
    assert face({}, "hello").title == "hello"


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0\u00a0B"), (812, "812\u00a0B"), (4100, "4.1\u00a0kB"), (81_200_000, "81.2\u00a0MB")]
)
def test_sizes_have_a_unit_and_no_break_before_it(size, said):
    assert spoken_bytes(size) == said


@pytest.mark.parametrize("evil", ["//evil.example", "https://evil", "/\\evil.example", "javascript:x", None, ""])
def test_signing_in_leads_only_to_pages_of_ours(evil):
    assert onward(evil) == "/"
    assert onward("/spaces/ann/hello") == "/spaces/ann/hello"


def test_hardware_is_shown_with_its_ceilings_and_what_is_kept_free():
    got = shown(Seen(Stage.RUNNING, hardware="cpu-basic"), {})
    said = "at most 2 cores, 16 GB, 50 GB of disk, 256 MiB of memory reserved"
    assert (got.hardware, got.limits.replace("\xa0", " ")) == ("cpu-basic", said)


def test_a_tier_that_comes_with_the_next_start_and_a_place_in_the_queue_are_said():
    moves = shown(Seen(Stage.RUNNING, hardware="cpu-basic", requested="cpu-upgrade"), {})
    assert (moves.hardware, moves.limits.endswith("cpu-upgrade with the next start")) == ("cpu-basic", True)
    assert "number 2 in the queue" in shown(Seen(Stage.APP_STARTING, position=2), {}).limits
    assert "reserved" not in shown(Seen(Stage.RUNNING, is_static=True), {}).limits


def test_gpus_are_named_with_their_model():
    assert about(TIERS[6]).replace("\xa0", " ") == "48 cores, 186 GB, 4 L4 GPUs"
