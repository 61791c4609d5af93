"""What of a Dockerfile the engine would do by itself is found, whatever way it is written."""

from __future__ import annotations

import pytest

from builder.faults import BuildFailed
from builder.image.screen import Base, Fetch, adds_an_address, screen


def test_each_instruction_stands_on_one_line_at_its_old_place() -> None:
    text = "# a comment\nFROM a\nRUN one && \\\n    # why\n    two\n\nCMD x\n"
    assert screen(text, {}).text == "\nFROM a\nRUN one &&     two\n\n\n\nCMD x\n"


def test_an_address_of_add_becomes_a_file_that_is_fetched() -> None:
    found = screen("FROM a\nADD --chown=1000 --checksum=sha256:00ff https://x.org/d/a.tgz /srv/\n", {})
    assert found.fetches == (Fetch(line=2, url="https://x.org/d/a.tgz", at=".spaces-fetched/0/a.tgz", sha256="00ff"),)
    assert found.text.splitlines()[1] == 'COPY --chown=1000 [".spaces-fetched/0/a.tgz", "/srv/"]'


@pytest.mark.parametrize(
    "written", ["ADD a.tgz /srv", "ADD ./a.tgz b /srv/", 'ADD ["a b", "/srv"]', "ADD data-$VERSION.tgz /srv"]
)
def test_files_of_add_stay_as_they_are(written: str) -> None:
    found = screen(f"FROM a\n{written}\n", {})
    assert (found.fetches, found.text) == ((), f"FROM a\n{written}\n")


@pytest.mark.parametrize(
    "hidden",
    [
        "ADD $A /x",
        "ADD ${A}://b/c /x",
        'ADD h"ttp"://b/c /x',
        "ADD ht\\tp://b/c /x",
        "ADD a http://b/c /x",
        "ADD git@b.org:c.git /x",
        "ADD https://b.org/c.git /x",
        "ADD https://b.org/ /x",
        "ONBUILD ADD a /x",
        "RUN <<E\nADD http://b/c /x\nE",
        "RUN <<E\nAD\\\nD http://b/c /x\nE",
        "COPY --from=$A /b /c",
        'RUN --mount="type=bind,from=b" true',
        "FROM $NOTHING",
        "FROM ${A:?no}",
    ],
)
def test_what_could_hide_an_address_or_image_is_refused_with_its_line(hidden: str) -> None:
    with pytest.raises(BuildFailed) as refused:
        screen(f"ARG A=x\nFROM a\n{hidden}\n", {})
    assert refused.value.line >= 3
    assert refused.value.why.startswith("Dockerfile line ")


def test_images_are_found_in_every_place_and_stages_are_none() -> None:
    text = (
        "ARG V=1\nFROM --platform=linux/amd64 one:${V} AS Build\nFROM build AS again\nFROM two:${W:-9}\n"
        "COPY --from=build /a /a\nCOPY --from=0 /a /a\nCOPY --from=three /a /a\n"
        "RUN --mount=type=cache,target=/c --mount=type=bind,FROM=four,target=/d true\nFROM scratch\n"
    )
    found = screen(text, {"V": "2"})
    assert found.bases == (
        *(Base(line=2, name="one:2"), Base(line=4, name="two:9")),
        *(Base(line=7, name="three"), Base(line=8, name="four")),
    )
    assert found.text.splitlines()[1] == "FROM --platform=linux/amd64 one:2 AS Build"


def test_what_was_looked_at_is_what_the_engine_gets() -> None:
    found = screen("FROM one:1 AS two\nFROM two\n", {}, {"one:1": "one@sha256:00", "two": "two@sha256:11"})
    assert found.text == "FROM one@sha256:00 AS two\nFROM two\n"


def test_a_syntax_line_is_told_and_left_out_and_the_escape_stays() -> None:
    found = screen("# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN one `\n  two\n", {})
    assert found.syntax == "docker/dockerfile:1"
    assert found.text == "# escape=`\n\nFROM a\nRUN one   two\n\n"


def test_onbuild_of_an_image_is_judged_alike() -> None:
    assert adds_an_address("ADD http://b/c /x")
    assert adds_an_address("add $A /x")
    assert not adds_an_address("ADD a.txt /x")
    assert not adds_an_address("COPY a /x")
