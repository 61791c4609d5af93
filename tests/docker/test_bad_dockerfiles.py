"""What authors get wrong in a Dockerfile, as a real platform tells them: a stage, and a reason with a remedy."""

from __future__ import annotations

import json
import shutil

import pytest

from bench.platform import Platform
from tests.promises.test_from_source import files as from_source
from tests.promises.world import Work, app, readme, until

QUICK = "startup_duration_timeout: 6s"
RUNS = 'WORKDIR /srv\nCOPY . .\nCMD ["python3", "serve.py"]\n'
TELLS = """
import http.server, json, os
def tried(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror
    return "written"
places = {"home": "/root/x", "own": "/srv/own/x", "root": "/x", "tmp": "/tmp/x", "data": "/data/x"}
told = {"says": "tells", "user": os.getuid(), "group": os.getgid()} | {name: tried(at) for name, at in places.items()}
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())
http.server.HTTPServer(("", 9000), Answer).serve_forever()
"""


def space(dockerfile: str, serve: str = "", *lines: str) -> dict[str, str | bytes]:
    return {"README.md": readme("app_port: 9000", *lines, sdk="docker"), "Dockerfile": dockerfile, "serve.py": serve}


def test_an_app_on_another_port_is_told_which_and_what_to_write(here: Platform, base: str) -> None:
    work = Work(here, "wrong-port")
    work.push(space(f"FROM {base}\n{RUNS}", app("x").replace("7860", "9001"), QUICK))
    why = work.stage("RUNTIME_ERROR")
    assert "It listens on port 9001, not 9000: use 9000, or set app_port: 9001 in README.md." in why


def test_an_app_on_no_port_is_ended_at_its_deadline(here: Platform, base: str) -> None:
    work = Work(here, "no-port")
    work.push(space(f"FROM {base}\n{RUNS}", "import time; print('waiting', flush=True); time.sleep(1000)", QUICK))
    why = work.stage("RUNTIME_ERROR")
    assert "No answer within 6 s: it has to listen on port 9000 of any address" in why
    assert 'Its last line: "waiting"' in why


def test_an_image_of_roots_runs_as_user_1000_with_folders_of_its_own_to_write(here: Platform, base: str) -> None:
    work = Work(here, "of-root")
    dockerfile = f"FROM {base}\nUSER root\nRUN mkdir -p /srv/own && chown 1000 /srv/own\n{RUNS}"
    work.push(space(dockerfile, TELLS))
    told = until(
        lambda: (found := work.visit()) and found.get("says") == "tells" and found, lambda: str(work.runtime())
    )
    assert (told["user"], told["group"]) == (1000, 1000)
    assert [told[name] for name in ("own", "tmp", "data")] == ["written"] * 3
    assert told["home"] != "written"
    assert told["root"] == "Read-only file system"
    logs = [path.read_text() for path in (here.data / "logs").glob("*/build.log")]
    assert any("runs as root by itself; here it runs as user 1000" in text for text in logs)


def test_a_dockerfile_that_fails_shows_its_line_and_the_old_revision_goes_on(here: Platform, base: str) -> None:
    work = Work(here, "fails")
    good = f"FROM {base}\n{RUNS}"
    serve = app("the good one").replace("7860", "9000")
    work.push(space(good, serve))
    work.tells("the good one")
    work.push(space(f"FROM {base}\n\nRUN echo no luck; exit 3\n{RUNS}", serve))
    until(lambda: "Dockerfile line 3" in json.dumps(work.runtime()), lambda: str(work.runtime()))
    assert "RUN echo no luck; exit 3: it ended with status 3. Its last words: no luck." in work.runtime()["why"]
    seen = work.visit()
    assert seen is not None
    assert seen["says"] == "the good one"


@pytest.mark.parametrize(
    ("dockerfile", "says"),
    [
        (
            "FROM nowhere.invalid/base:1\n",
            "Dockerfile line 1: FROM nowhere.invalid/base:1: this image cannot be pulled",
        ),
        ("RUN true\n", "Dockerfile"),
    ],
)
def test_a_first_dockerfile_that_fails_is_a_build_error(here: Platform, dockerfile: str, says: str) -> None:
    work = Work(here, "first-fails")
    work.push(space(dockerfile))
    assert says in work.stage("BUILD_ERROR")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("CMD []\nENTRYPOINT []\n", "The image has neither CMD nor ENTRYPOINT"),
        ('CMD ["no-such-program"]\n', "The image cannot start no-such-program: No such file or directory."),
    ],
)
def test_an_image_that_cannot_start_anything_says_so(here: Platform, base: str, command: str, says: str) -> None:
    work = Work(here, "starts-nothing")
    work.push(space(f"FROM {base}\n{command}"))
    assert says in work.stage("RUNTIME_ERROR")


@pytest.mark.skipif(shutil.which("gcc") is not None, reason="this machine has a compiler")
def test_requirements_that_need_a_compiler_say_what_is_missing(here: Platform) -> None:
    work = Work(here, "compiles")
    own = from_source(here, "1.0")
    compiled = "import setuptools\nsetuptools.setup(ext_modules=[setuptools.Extension('fast', ['fast.c'])])\n"
    work.push({**own, "setup.py": compiled, "fast.c": "int x;\n"})
    assert "compiler" in work.stage("BUILD_ERROR")


def test_a_package_of_the_repo_is_built_from_source_for_a_container_too(here: Platform) -> None:
    work = Work(here, "from-source")
    work.push(from_source(here, "1.0"))
    work.tells("1.0")
