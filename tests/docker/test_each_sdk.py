"""One Space of each SDK: pushed by git to a platform whose engine is Docker, and visited through its gateway."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import docker
import pytest

from bench.platform import HELLO, Platform
from tests.docker.conftest import in_containers
from tests.promises.world import Work, app, readme, until

DOCKERFILE = """\
FROM {base}
RUN mkdir /srv/app && chown 1000:1000 /srv/app
WORKDIR /srv/app
COPY --chown=1000:1000 . .
EXPOSE 9000
CMD ["python3", "serve.py"]
"""
SERVES = app("from a Dockerfile").replace("7860", "9000")
STREAMLIT = "import streamlit as st\nst.write('hello')\n"
BUILDS = "app_build_command: mkdir dist && sed s/NAME/everybody/ page.html > dist/index.html"


def files(base: str) -> dict[str, dict[str, str | bytes]]:
    """Each SDK's smallest Space."""
    gradio = {path.name: path.read_bytes() for path in HELLO.iterdir() if path.is_file()}
    return {
        "gradio": dict(gradio),
        "streamlit": {"README.md": readme(sdk="streamlit"), "app.py": STREAMLIT},
        "docker": {
            "README.md": readme("app_port: 9000", sdk="docker"),
            "Dockerfile": DOCKERFILE.format(base=base),
            "serve.py": SERVES,
        },
        "static": {"README.md": readme(sdk="static"), "index.html": "<p>hello from a file"},
        "built": {
            "README.md": readme(BUILDS, "app_file: dist/index.html", sdk="static"),
            "page.html": "<p>hello NAME",
        },
    }


SAYS: dict[str, tuple[str, bytes]] = {  # where, what
    "gradio": ("/config", b'"space_id":"bench/'),
    "streamlit": ("/_stcore/health", b"ok"),
    "docker": ("/", b"from a Dockerfile"),
    "static": ("/", b"hello from a file"),
    "built": ("/dist/index.html", b"hello everybody"),
}


@pytest.fixture(scope="module")
def here(base: str, engine: docker.DockerClient) -> Iterator[Platform]:
    """One of their own: nothing that others built is there."""
    with in_containers(base, engine) as made:
        yield made


@pytest.fixture(scope="module")
def pushed(here: Platform, base: str) -> dict[str, Work]:
    """All of them at once."""
    made = {name: Work(here, name) for name in SAYS}
    for name, content in files(base).items():
        made[name].push(content)
    return made


@pytest.mark.parametrize("name", SAYS)
def test_a_space_of_each_sdk_answers_through_the_gateway(pushed: dict[str, Work], here: Platform, name: str) -> None:
    path, says = SAYS[name]
    work = pushed[name]
    body = until(_answer(here, work, path, says), lambda: f"{name} says {says!r}, but {work.runtime()}")
    assert says in body


def _answer(here: Platform, work: Work, path: str, says: bytes) -> Callable[[], bytes | None]:
    def ask() -> bytes | None:
        status, body = here.get(work.name, path)
        return body if status == 200 and says in body else None

    return ask


def test_a_push_that_changes_code_only_reuses_what_the_steps_before_it_made(
    pushed: dict[str, Work], here: Platform, base: str
) -> None:
    work = pushed["docker"]
    work.push({**files(base)["docker"], "serve.py": SERVES.replace("from a Dockerfile", "from a second push")})
    until(_answer(here, work, "/", b"from a second push"), lambda: f"the new revision answers, but {work.runtime()}")
    lines = (here.data / "logs").glob("*/build.log")
    assert any("as before" in path.read_text() for path in lines)


def test_nothing_is_left_of_deleted_spaces(
    pushed: dict[str, Work], here: Platform, engine: docker.DockerClient
) -> None:
    key = hashlib.sha256(str(here.data).encode()).hexdigest()[:10]  # as the platform names itself among others
    revisions = {here.api("GET", f"/api/spaces/{work.full}")["sha"] for work in pushed.values()}
    assert _left(engine, key, revisions)
    for work in pushed.values():
        here.api("DELETE", "/api/repos/delete", {"name": work.name, "type": "space"})
    until(lambda: not _left(engine, key, revisions), lambda: f"everything goes, but {_left(engine, key, revisions)}")


def _left(engine: docker.DockerClient, key: str, revisions: set[str]) -> list[str]:
    """What the engine has of these revisions: other tests' Spaces live on the same platform."""
    images = engine.images.list(filters={"label": f"spaces.image.platform={key}"})
    containers = engine.containers.list(all=True, ignore_removed=True, filters={"label": f"spaces.platform={key}"})
    return [f"image {each.id}" for each in images if _of(each.labels["spaces.image.build"], revisions)] + [
        f"container {each.name}" for each in containers if _of(each.labels.get("spaces.revision", ""), revisions)
    ]


def _of(build: str, revisions: set[str]) -> bool:
    return any(build.startswith(revision) for revision in revisions)
