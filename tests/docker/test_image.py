"""`python -m builder REPO_DIR --image`: images of every SDK, run by hand, pushed to a real registry."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from builder.image.engine import Engine, Image
from tests.builder.local_index import LocalIndex
from tests.node.place import needs_root

GRADIO = "---\nsdk: gradio\nsdk_version: 6.31.0\n---\n"
APP = """\
import gradio, getpass, http.server, os, pathlib
pathlib.Path("seen").write_text("x")
home = pathlib.Path.home()
said = f"{TEXT} {gradio.VERSION} {os.getuid()} {os.getcwd()} {home} {home.joinpath('app').resolve()}"
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(said.encode())
port = int(os.environ["GRADIO_SERVER_PORT"])
http.server.HTTPServer((os.environ["GRADIO_SERVER_NAME"], port), Answer).serve_forever()
"""


@dataclass
class Bench:
    """A user's machine: repos, a store, an engine; what it makes is taken away again."""

    root: Path
    client: docker.DockerClient
    base: str
    index: LocalIndex
    tags: list[str] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return Engine(os.environ.get("DOCKER_HOST", ""))

    def repo(self, name: str, files: Mapping[str, str]) -> Path:
        at = self.root / name
        shutil.rmtree(at, ignore_errors=True)
        for path, text in files.items():
            (at / path).parent.mkdir(parents=True, exist_ok=True)
            (at / path).write_text(text)
        return at

    def build(
        self, repo: Path, *words: str, tag: str = "", store: str = "store", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """tag: empty is one of our own."""
        name = tag or f"spaces-images-test:{len(self.tags)}"
        self.tags.append(name)
        told = [repo, "--image", name, "--base", self.base, "--store", self.root / store, "--index", self.index.url]
        own = {"PATH": os.environ["PATH"], "HOME": str(self.root), "PIP_CONFIG_FILE": "/dev/null", **env}
        own |= {name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ}
        argv = [sys.executable, "-m", "builder", *map(str, told), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, env=own)

    def made(self, repo: Path, *words: str, **more: str) -> str:
        """Must succeed; the last line of what it prints."""
        ended = self.build(repo, *words, **more)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def image(self, name: str) -> Image:
        with self.engine as engine:
            found = engine.image(name)
        assert found is not None
        return found

    def run(self, image: str, port: int) -> str:
        """`docker run -p` by hand; the address."""
        container = self.client.containers.run(image, detach=True, ports={f"{port}/tcp": ("127.0.0.1", None)})
        self.containers.append(container)
        container.reload()
        [told] = container.ports[f"{port}/tcp"]
        return f"http://127.0.0.1:{told['HostPort']}"

    def clear(self) -> None:
        for container in self.containers:
            container.remove(force=True, v=True)
        for tag in set(self.tags):
            with contextlib.suppress(docker.errors.ImageNotFound):
                self.client.images.remove(tag, force=True)


def answer(url: str) -> tuple[int, Mapping[str, str], str]:
    """What it answers as soon as it does."""
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as told:
                return told.status, told.headers, told.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()
        except OSError:
            assert time.monotonic() < until, "nobody answers"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, base: str) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("by-hand")
    made = Bench(root, engine, base, LocalIndex(root / "index"))
    yield made
    made.clear()


@pytest.fixture(scope="module")
def hello(bench: Bench) -> Path:
    return bench.repo("hello", {"README.md": GRADIO, "app.py": f"TEXT = 'hello'\n{APP}"})


@pytest.fixture(scope="module")
def first(bench: Bench, hello: Path) -> str:
    return bench.made(hello)


def test_a_gradio_space_runs_by_hand_as_user_1000(bench: Bench, first: str) -> None:
    status, _, said = answer(bench.run(first, 7860))
    assert (status, said) == (200, "hello 6.31.0 1000 /app /home/user /app")


def test_an_image_says_what_it_is_made_of(bench: Bench, first: str) -> None:
    image = bench.image(first)
    labels = image.labels
    assert labels["org.opencontainers.image.revision"].startswith("sha256:")
    assert labels["org.opencontainers.image.base.digest"] == bench.image(bench.base).id
    assert len(labels["spaces.lock"]) == 64
    assert labels["spaces.sdk"] == "gradio"
    assert list(image.config["ExposedPorts"]) == ["7860/tcp"]


def test_equal_input_gives_an_equal_digest_in_another_store_from_another_folder(
    bench: Bench, hello: Path, first: str
) -> None:
    copy = bench.root / "elsewhere" / "copy"
    shutil.copytree(hello, copy)
    os.utime(copy / "app.py", (1, 1))
    assert bench.made(copy, store="another-store") == first


def test_a_change_of_code_is_one_small_layer(bench: Bench, hello: Path, first: str) -> None:
    changed = bench.repo("changed", {"README.md": GRADIO, "app.py": f"TEXT = 'changed'\n{APP}"})
    ended = bench.build(changed)
    assert ended.returncode == 0, ended.stderr
    second = bench.image(ended.stdout.strip())
    before = bench.image(first)
    assert second.layers[:-1] == before.layers[:-1]
    assert second.layers[-1] != before.layers[-1]
    assert "Loading the image: code" in ended.stderr
    assert "has not all other layers" not in ended.stderr


@dataclass
class Registry:
    """address: host:port. store: where it keeps everything."""

    address: str
    store: Path

    @property
    def bytes(self) -> int:
        return sum(file.stat().st_size for file in self.store.rglob("*") if file.is_file())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    program = shutil.which("docker-registry")
    if not program:
        pytest.fail("no docker-registry; apt-get install docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    store = tmp_path / "registry"
    told = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(store)}}, "http": {"addr": address}}
    (tmp_path / "registry.yml").write_text(json.dumps(told))
    with subprocess.Popen([program, "serve", tmp_path / "registry.yml"], stderr=subprocess.DEVNULL) as child:
        try:
            assert answer(f"http://{address}/v2/")[0] == 200
            yield Registry(address, store)
        finally:
            child.terminate()


def test_a_change_of_code_moves_less_than_100_kilobytes_to_a_registry(
    bench: Bench, hello: Path, registry: Registry
) -> None:
    place = f"{registry.address}/ann/hello"
    first = bench.made(hello, "--push", tag=f"{place}:1")
    before = registry.bytes
    assert before > 10**6, "base and environment went there"
    changed = bench.repo("moved", {"README.md": GRADIO, "app.py": f"TEXT = 'moved'\n{APP}"})
    second = bench.made(changed, "--push", tag=f"{place}:2")
    moved = registry.bytes - before
    print(f"\n  a change of code moves {moved} bytes")
    assert 0 < moved <= 100_000
    assert second != first
    assert bench.made(hello, "--push", tag=f"{place}:3") == first, "the digest in the registry is reproducible, too"
    bench.client.images.remove(f"{place}:2", force=True)
    pulled = bench.client.images.pull(place, tag="2")
    assert f"{place}@{second}" in pulled.attrs["RepoDigests"]


def test_a_registry_that_is_away_is_told(bench: Bench, hello: Path) -> None:
    ended = bench.build(hello, "--push", tag="127.0.0.1:9/ann/hello:1")
    assert ended.returncode == 1
    said = "The image cannot be pushed to 127.0.0.1:9: nobody listens there. It is on this machine; push again later."
    assert ended.stderr.splitlines()[-1] == said


def test_a_static_space_serves_its_files(bench: Bench) -> None:
    readme = "---\nsdk: static\ncustom_headers:\n  cross-origin-opener-policy: same-origin\n---\n"
    files = {"README.md": readme, "index.html": "<h1>static</h1>", "404.html": "lost"}
    where = bench.run(bench.made(bench.repo("static", files)), 7860)
    status, headers, said = answer(where)
    assert (status, said) == (200, "<h1>static</h1>")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert answer(f"{where}/nothing")[::2] == (404, "lost")
    begun = time.monotonic()
    bench.containers[-1].stop(timeout=10)
    assert time.monotonic() - begun < 5, "it minds SIGTERM"


def test_a_static_space_with_a_build_command_serves_what_that_made(bench: Bench) -> None:
    readme = "---\nsdk: static\napp_build_command: mkdir dist && sed s/x/made/ page > dist/index.html\n"
    files = {"README.md": f"{readme}app_file: dist/index.html\n---\n", "page": "x"}
    where = bench.run(bench.made(bench.repo("made", files)), 7860)
    assert answer(where)[::2] == (200, "made")  # after the way to its folder


def test_a_streamlit_space_is_started_by_streamlit(bench: Bench) -> None:
    code = "import sys, http.server\nhttp.server.test(http.server.SimpleHTTPRequestHandler, port=8501)\n"
    bench.index.add("streamlit", "1.40.0", {"streamlit/__init__.py": "", "streamlit/__main__.py": code})
    readme = "---\nsdk: streamlit\nsdk_version: 1.40.0\napp_file: app.py\n---\n"
    made = bench.made(bench.repo("lit", {"README.md": readme, "app.py": "x"}))
    assert bench.image(made).config["Cmd"][:4] == ["/env/bin/python", "-m", "streamlit", "run"]
    assert answer(f"{bench.run(made, 8501)}/app.py")[::2] == (200, "x")


DOCKERFILE = """\
FROM {base}
ARG COLOR
RUN --mount=type=secret,id=key test "$(wc -c < /run/secrets/key)" = 15 && echo $COLOR > /color
WORKDIR /srv/site
COPY . .
CMD ["python3", "-m", "http.server", "8000"]
"""


def test_a_dockerfile_is_built_with_its_secret_nowhere_in_the_image(bench: Bench) -> None:
    readme = "---\nsdk: docker\napp_port: 8000\n---\n"
    (bench.root / "key").write_text("hunter2-hunter2")
    repo = bench.repo("own", {"README.md": readme, "Dockerfile": DOCKERFILE.format(base=bench.base)})
    told = ("--secret", f"key={bench.root}/key", "--variable", "COLOR=blue")
    made = bench.made(repo, *told)
    assert answer(f"{bench.run(made, 8000)}/README.md")[::2] == (200, readme)
    with bench.engine as engine:
        tree = b"".join(engine.files(made))
    assert b"blue\n" in tree
    assert b"hunter2" not in tree
    assert "hunter2" not in str(bench.client.images.get(made).history()) + str(bench.client.images.get(made).attrs)


@pytest.mark.parametrize(
    ("dockerfile", "sentence"),
    [
        ("FROM {base}\nRUN true && \\\n  false\n", "Dockerfile line 2: RUN true && false: it ended with status 1."),
        ("FROM {base}\nCOPY nope /x\n", "Dockerfile line 2: COPY nope /x: the repo has no nope."),
        ("FROM 127.0.0.1:9/no/such:1\n", "Dockerfile line 1: FROM 127.0.0.1:9/no/such:1: this image cannot be pulled"),
        ("FROM {base}\nFOO\n", "Dockerfile line 2: unknown instruction: FOO"),
    ],
)
def test_a_dockerfile_that_fails_is_told_by_its_line(bench: Bench, dockerfile: str, sentence: str) -> None:
    files = {"README.md": "---\nsdk: docker\n---\n", "Dockerfile": dockerfile.format(base=bench.base)}
    ended = bench.build(bench.repo("broken", files))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(sentence)
    assert ended.stdout == ""


def test_a_full_disk_is_told(bench: Bench, hello: Path) -> None:
    needs_root()
    small = bench.root / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", small], check=True)
    try:
        ended = bench.build(hello, store="small")
        assert ended.returncode == 1
        assert "full" in ended.stderr.splitlines()[-1]
        assert "Traceback" not in ended.stderr
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_base_that_cannot_be_pulled_is_told(bench: Bench, hello: Path) -> None:
    ended = bench.build(hello, "--base", "127.0.0.1:9/no/such:1")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("The base image 127.0.0.1:9/no/such:1 cannot be pulled: ")
    assert "Traceback" not in ended.stderr


def test_debian_packages_are_a_base_of_their_own_kept_for_the_next(bench: Bench) -> None:
    app = APP.replace("{gradio.VERSION}", "{__import__('subprocess').run(['hello'], capture_output=True).stdout}")
    repo = bench.repo("debian", {"README.md": GRADIO, "app.py": f"TEXT = 'a'\n{app}", "packages.txt": "hello\n"})
    made = bench.made(repo)
    bench.tags += [tag for tag in _tags(bench) if tag.startswith("spaces-base:packages-")]
    assert "b'Hello, world!\\n'" in answer(bench.run(made, 7860))[2]
    again = bench.build(repo)
    assert again.stdout.strip() == made
    assert "Debian package" not in again.stderr.replace("Installing 1 Debian package", "")


def test_a_debian_package_that_does_not_exist_is_told_by_its_line(bench: Bench) -> None:
    repo = bench.repo("typo", {"README.md": GRADIO, "app.py": "", "packages.txt": "# x\nhelo-wrld\n"})
    ended = bench.build(repo)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("packages.txt line 2 asks for helo-wrld")


def _tags(bench: Bench) -> list[str]:
    return [tag for image in bench.client.images.list() for tag in image.tags]
