"""The base image: made of the distribution's packages, alike each time, and taken from where it is."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from builder.faults import BuildFailed
from builder.image import base, load, parts
from builder.image.archive import Plan
from builder.image.engine import Engine
from builder.python import Python

TAGS = ("spaces-images-test:base-1", "spaces-images-test:base-2", "spaces-images-test:above")


@pytest.fixture(scope="module")
def bare(engine: docker.DockerClient) -> Iterator[Engine]:
    with Engine(os.environ.get("DOCKER_HOST", "")) as made:
        yield made
    for tag in TAGS:
        with contextlib.suppress(docker.errors.ImageNotFound):
            engine.images.remove(tag, force=True)


@pytest.fixture(scope="module")
def made(bare: Engine) -> str:
    if not shutil.which("mmdebstrap"):
        pytest.fail("no mmdebstrap; apt-get install mmdebstrap")
    return base.make(bare, base.ours(), TAGS[:1]).id


def said(engine: docker.DockerClient, image: str, command: str) -> str:
    return engine.containers.run(image, ["/bin/sh", "-c", command], remove=True).decode()


def test_equal_packages_make_an_equal_base(bare: Engine, made: str) -> None:
    assert base.make(bare, base.ours(), TAGS[1:2]).id == made


def test_it_has_what_spaces_need_and_nothing_of_this_machine(engine: docker.DockerClient, made: str) -> None:
    told = said(
        engine,
        made,
        "id user; stat -c %u /home/user; python3 -c 'import ssl, sqlite3, ctypes; print(ssl.OPENSSL_VERSION[8])'; "
        "test -s /etc/ssl/certs/ca-certificates.crt && echo certified; cat /etc/machine-id | wc -c; command -v useradd",
    )
    assert told.split("\n")[:6] == [
        "uid=1000(user) gid=1000(user) groups=1000(user)",
        "1000",
        "3",
        "certified",
        "0",
        "/usr/sbin/useradd",
    ]


def test_another_python_than_the_distributions_runs_on_it(
    engine: docker.DockerClient, bare: Engine, made: str, tmp_path: Path
) -> None:
    prefix = Path(sys.base_prefix)
    if prefix == Path("/usr"):
        pytest.skip("the tests run on the distribution's Python")
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    own = Python(path=str(prefix / "bin" / f"python{minor}"), version=sys.version.split()[0], prefix=str(prefix))
    below = bare.image(made)
    assert below is not None
    assert not bare.has(made, own.path)
    assert bare.has(made, "/usr/bin/python3")
    config = {"User": "1000:1000", "Env": ["PATH=/usr/bin"]}
    plan = Plan(below=below.layers, layers=(parts.interpreter(own, tmp_path),), config=config)
    identity = load.load(bare, plan, TAGS[2:])
    code = "import json, ssl, sqlite3, ctypes, asyncio, sys; print(sys.prefix, asyncio.__cached__)"
    told = said(engine, identity, f'{own.path} -I -c "{code}"').split()
    assert told == [
        str(prefix),
        f"{prefix}/lib/python{minor}/asyncio/__pycache__/__init__.cpython-{minor.replace('.', '')}.pyc",
    ]


def test_an_engine_that_wants_every_layer_is_sent_every_layer(bare: Engine, made: str, tmp_path: Path) -> None:
    below = bare.image(made)
    assert below is not None
    code = tmp_path / "code"
    code.mkdir()
    plan = Plan(below=below.layers, layers=(parts.code(code),), config={})
    sent = tuple(load._below(bare, plan, tmp_path))
    assert tuple(layer.digest for layer in sent) == below.layers
    assert load._refused(bare, plan, TAGS[2:], (*sent, *plan.layers)) == ""
    assert bare.image(plan.id) is not None


def test_what_is_not_there_and_cannot_be_pulled_is_told(bare: Engine) -> None:
    with pytest.raises(BuildFailed, match=r"The base image 127\.0\.0\.1:9/a/b:1 cannot be pulled: "):
        base.ready(bare, "127.0.0.1:9/a/b:1")


def test_an_engine_that_is_away_is_told_by_the_command_line(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nowhere", "SPACES_DATA": str(tmp_path)}
    argv = [str(Path(sys.executable).with_name("spaces")), "base", "build"]
    ended = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        "Cannot make the base image: The container engine at unix:///nowhere does not answer:"
    )
