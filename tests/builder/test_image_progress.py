"""BuildKit's progress → the build log, and why it failed."""

from __future__ import annotations

import pytest

from builder.faults import EngineAway
from builder.image.explain import Said, fault
from builder.image.plain import Plain

FILE = "FROM python:3.11\nCOPY nope /x\nRUN make\n"
RUN = "[3/3] RUN make"
ENDED = """\
#1 [internal] load build definition from Dockerfile
#1 sha256:873ce0a0fc571928fcacf7413acec6d37230c80994ba0304391d85f920efde1c
#1 transferring dockerfile: 414B done
#1 DONE 0.0s

#4 [1/3] FROM docker.io/library/python:3.11
#4 CACHED

#5 [2/3] RUN echo one
#5 0.160 one
#6 [other 2/2] RUN echo two
#6 0.200 two
#5 0.300 the key is hunter2-hunter2
#5 DONE 0.4s
#6 ...

#7 [3/3] RUN make
#7 0.2 make: *** No targets.
#7 ERROR: executor failed running [/bin/sh -c make]: exit code: 2
------
 > [3/3] RUN make:
------
executor failed running [/bin/sh -c make]: exit code: 2
"""


def told(text: str, *hide: str) -> tuple[list[str], Plain]:
    said: list[str] = []
    plain = Plain(said.append, hide)
    for line in text.splitlines():
        plain.line(line)
    return said, plain


def test_a_log_has_each_step_what_it_said_and_what_it_took() -> None:
    said, _ = told(ENDED)
    assert said == [
        "[1/3] FROM docker.io/library/python:3.11",
        "  as before",
        *("[2/3] RUN echo one", "  one"),
        *("[other 2/2] RUN echo two", "  two"),
        *("[2/3] RUN echo one", "  the key is hunter2-hunter2", "  0.4 s"),
        *("[3/3] RUN make", "  make: *** No targets."),
    ]


def test_a_secret_that_a_step_says_is_not_shown() -> None:
    said, _ = told(ENDED, "hunter2-hunter2", "one")
    assert "  the key is ***" in said
    assert "  one" in said, "what short secrets are made of stands everywhere"


def test_the_step_that_failed_is_known_with_its_last_words() -> None:
    _, plain = told(ENDED)
    assert (plain.failed, plain.words) == (RUN, ("make: *** No targets.",))
    assert plain.why.endswith("exit code: 2")


def said(step: str = "", why: str = "", *words: str, rest: tuple[str, ...] = ()) -> str:
    failed = fault(Said(dockerfile=FILE, step=step, why=why, words=words, rest=rest or (why,)))
    assert failed.why.startswith(f"Dockerfile line {failed.line}" if failed.line else "Dockerfile")
    return failed.why


PULL = "[internal] load metadata for docker.io/library/python:3.11"
AWAY = (
    'failed to do request: Head "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host'
)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            said(RUN, "exit code: 2", "make: No targets"),
            "line 3: RUN make: it ended with status 2. Its last words: make",
        ),
        (said(RUN, "exit code: 2"), "line 3: RUN make: it ended with status 2. It said nothing."),
        (said(RUN, "exit code: 137", "Killed"), "it was killed, as happens when memory runs out. Its last"),
        (said(RUN, "exit code: 1", "cat: /run/secrets/k: Permission denied"), "mode=0444."),
        (said("[2/3] COPY nope /x", '"/nope" not found: not found'), "line 2: COPY nope /x: the repo has no nope."),
        (said(RUN, "secret k not found: not found"), "line 3: RUN make: there is no secret k. Add it"),
        (said(PULL, AWAY), "line 1: FROM python:3.11: this image cannot be pulled: its registry does not answer"),
        (said(PULL, "pull access denied, repository does not exist"), "this image is absent, or needs a login."),
        (said(PULL, "docker.io/library/python:3.11: not found"), "this image is not in its registry."),
        (said(rest=("dockerfile parse error line 2: unknown instruction: FOO",)), "line 2: unknown instruction: FOO."),
        (
            said(rest=("failed to solve with frontend dockerfile.v0: the Dockerfile cannot be empty",)),
            ": the Dockerfile",
        ),
        (said(RUN, "write /x: no space left on device"), "RUN make: the disk is full. Make room"),
        (said(RUN, "exit code: 2", rest=("Dockerfile:3", "ERROR: failed to solve: exit code: 2")), "line 3: RUN make"),
    ],
)
def test_every_failure_is_one_sentence_with_its_line(sentence: str, expected: str) -> None:
    assert expected in sentence
    assert "\n" not in sentence


def test_what_a_newer_buildkit_would_read_is_named() -> None:
    rest = ("failed to create LLB definition: dockerfile parse error line 3: unknown instruction: LS",)
    failed = fault(Said(dockerfile="FROM a\nRUN <<EOF\nls\nEOF\n", rest=rest))
    assert "knows no here-documents" in failed.why


def test_a_frontend_that_cannot_be_pulled_is_told_from_a_base() -> None:
    step = "resolve image config for ghcr.io/me/front:1"
    failed = fault(Said(dockerfile="# syntax=ghcr.io/me/front:1\nFROM a\n", step=step, why=AWAY))
    assert failed.why.startswith("Dockerfile line 1: # syntax=ghcr.io/me/front:1: this image cannot be pulled")
    assert failed.line == 1


def test_an_engine_that_went_away_is_no_fault_of_the_dockerfile() -> None:
    rest = ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",)
    assert isinstance(fault(Said(dockerfile=FILE, rest=rest)), EngineAway)
