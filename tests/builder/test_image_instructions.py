"""Which line of a Dockerfile BuildKit means."""

from __future__ import annotations

import pytest

from builder.image.instructions import failed_at, from_image, instructions, syntax

STAGES = """\
# syntax=docker/dockerfile:1
ARG VERSION=1
FROM python:3.11 AS build
ENV A=b
WORKDIR /w
# a comment
RUN echo $A \\
    # inside
    && make

FROM debian
COPY --from=build /w /z
RUN <<EOF
FROM here
EOF
RUN ls
"""


def test_an_instruction_is_one_line_of_text_and_knows_where_it_begins() -> None:
    found = instructions(STAGES)
    assert [(each.line, each.word) for each in found] == [
        *((2, "ARG"), (3, "FROM"), (4, "ENV"), (5, "WORKDIR"), (7, "RUN"), (11, "FROM"), (12, "COPY"), (13, "RUN")),
        (16, "RUN"),
    ]
    assert found[4].text == "RUN echo $A && make"


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("[build 1/3] FROM docker.io/library/python:3.11", 3),
        ("[build 2/3] WORKDIR /w", 5),
        ("[build 3/3] RUN echo $A     && make", 7),
        ("[stage-1 2/4] COPY --from=build /w /z", 12),
        ("[linux/amd64 stage-1 4/4] RUN ls", 16),
        ("[stage-1 9/9] RUN ls", 16),
        ("[internal] load metadata for docker.io/library/python:3.11", 0),
        ("[build 2/3] COPY what is not there", 0),
    ],
)
def test_a_step_leads_to_its_line(step: str, line: int) -> None:
    found = failed_at(STAGES, step)
    assert (found.line if found else 0) == line


def test_the_only_stage_needs_no_name() -> None:
    found = failed_at("FROM a\nUSER me\nRUN one\nRUN two\n", "[3/3] RUN two")
    assert found is not None
    assert found.line == 4


def test_another_escape_is_minded() -> None:
    found = instructions("# escape=`\nFROM a\nRUN dir `\n  c:\\\nRUN b\n")
    assert [each.line for each in found] == [2, 3, 5]


def test_the_frontend_is_asked_for_before_everything_else() -> None:
    assert syntax(STAGES) == ("docker/dockerfile:1", 1)
    assert syntax("# escape=`\n# syntax = me/front\nFROM a\n") == ("me/front", 2)
    assert syntax("FROM a\n# syntax=me/front\n") is None


@pytest.mark.parametrize(
    ("image", "line"),
    [("docker.io/library/python:3.11", 3), ("docker.io/library/debian:latest", 11), ("ghcr.io/a/b:1", 0)],
)
def test_the_line_that_names_an_image_is_found_by_its_full_name(image: str, line: int) -> None:
    found = from_image(STAGES, image)
    assert (found.line if found else 0) == line
