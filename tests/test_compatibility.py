"""docs/compatibility.md is whole, honest and up to date."""

from __future__ import annotations

import inspect
import re

import pytest
from huggingface_hub import HfApi

from tests.compatibility import clients, marks, table
from tests.compatibility.marks import Mark
from tests.compatibility.page import PAGE, page, state

MARKS = marks.marks()
AREAS = table.calls()
KNOWN = [name for kinds in AREAS.values() for names in kinds.values() for name in names]
HERE = [
    name for area, kinds in AREAS.items() if area not in table.ELSEWHERE for names in kinds.values() for name in names
]


def test_every_method_and_command_of_the_installed_client_has_its_place() -> None:
    assert sorted(KNOWN) == sorted(clients.methods() | clients.commands())


def test_every_call_that_reaches_a_hub_works_or_is_refused_by_a_test() -> None:
    by_call = {name: [mark for mark in MARKS if mark.call == name] for name in KNOWN}
    assert not [name for name in HERE if not state(name, by_call)]


def test_no_call_both_works_and_is_refused() -> None:
    works, refused = ({mark.call for mark in MARKS if mark.works is told} for told in (True, False))
    assert not works & refused


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: f"{mark.call} in {mark.test}")
def test_a_test_that_names_a_call_makes_it(mark: Mark) -> None:
    assert mark.made


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(MARKS), "run `make compatibility`"


def test_what_is_said_to_go_elsewhere_goes_to_an_address_that_the_client_has_built_in() -> None:
    built_in = re.compile(r"constants\.(INFERENCE_ENDPOINTS|INFERENCE_CATALOG|DATASETS_SERVER)_ENDPOINT")
    for area in ("Inference endpoints", "Dataset viewer"):
        for name in AREAS[area]["methods"]:
            assert built_in.search(inspect.getsource(getattr(HfApi, name.removeprefix("HfApi.")))), name
