"""What a person sees of an app that does not do as its Space says, and what an app finds inside."""

import asyncio
import contextlib
import http.server
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

from spaces_runtime.domain.errors import BackendUnavailable
from spaces_runtime.domain.instance import Phase
from spaces_runtime.node.inside import launch
from tests.node.place import HELLO, SOMEBODY, Place, folder, needs_user, until
from tests.node.run import run

PORT_7861 = HELLO.replace("7860", "7861")
LOCAL_ONLY = HELLO.replace("0.0.0.0", "127.0.0.1")


def test_an_app_on_another_port_is_told_so_and_not_called_ready(place):
    async def work():
        spec = place.spec(PORT_7861)
        await place.backend.start(spec)

        async def told():
            return (await place.see(spec.id)).why

        assert await until(told) == "listens on 7861, not 7860"
        assert (await place.see(spec.id)).phase is Phase.STARTING

    run(place, work)


def test_an_app_bound_to_127_0_0_1_only_is_reached_and_its_log_says_so(place):
    async def work():
        spec = place.spec(LOCAL_ONLY)
        await place.ready(spec)
        assert (await place.get(spec)).endswith(b"hello")
        await until(lambda: "127.0.0.1:7860 only" in place.log())

    run(place, work)


def test_an_app_on_ipv6_only_is_reached(place):
    app = HELLO.replace(
        "http.server.ThreadingHTTPServer((",
        "import socket\nclass Six(http.server.ThreadingHTTPServer): address_family = socket.AF_INET6\nSix((",
    ).replace("0.0.0.0", "::1")

    async def work():
        spec = place.spec(app)
        await place.ready(spec)
        assert (await place.get(spec)).endswith(b"hello")

    run(place, work)


def test_an_app_that_does_not_exist_says_so_in_its_log(place):
    async def work():
        spec = place.spec("raise ModuleNotFoundError('No module named torch')")
        await place.backend.start(spec)
        seen = await place.reach(spec, Phase.EXITED)
        assert seen.why == "exited with status 1"
        assert "No module named torch" in place.log()

    run(place, work)


def test_an_app_killed_by_a_signal_is_shown_with_it(place):
    async def work():
        spec = place.spec("import os; os.kill(os.getpid(), 11)")
        await place.backend.start(spec)
        assert (await place.reach(spec, Phase.EXITED)).why == "killed by signal 11"

    run(place, work)


def test_a_sandbox_that_cannot_be_made_is_shown_with_the_reason(place):
    async def work():
        spec = place.spec()
        place.env.joinpath("bin", "python").unlink()
        await place.backend.start(spec)
        seen = await place.reach(spec, Phase.EXITED)
        assert seen.why
        await place.backend.stop(spec.id)
        await until(lambda: not place.left())

    run(place, work)


def test_an_artifact_that_is_gone_or_elsewhere_is_named_and_nothing_is_left(place):
    async def work():
        gone, elsewhere = place.spec(), place.spec(space="ann-else")
        shutil.rmtree(gone.artifact.code)
        elsewhere = replace(elsewhere, artifact=replace(elsewhere.artifact, code="/etc"))
        for spec in (gone, elsewhere):
            await place.backend.start(spec)
        assert "is not there any more; build it again" in (await place.see(gone.id)).why
        assert "/etc is not in the data folder" in (await place.see(elsewhere.id)).why
        await place.backend.stop_all()
        await until(lambda: not place.left())

    run(place, work)


def test_after_a_restart_of_the_node_the_platform_is_still_reached_inside(place):
    app = HELLO + "\n"
    asking = app.replace(
        'body = b"hello"',
        f"import urllib.request; body = urllib.request.urlopen('http://localhost:{place.port}').read()",
    )

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the hub")

        def log_message(self, *_):
            pass

    hub = http.server.ThreadingHTTPServer(("127.0.0.1", place.port), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()

    async def work():
        spec = place.spec(asking)
        await place.ready(spec)
        assert (await place.get(spec)).endswith(b"from the hub")
        place.kill()
        place.begin()
        await place.backend.observe()
        assert (await place.get(spec)).endswith(b"from the hub")

    run(place, work)
    hub.shutdown()
    hub.server_close()


def test_inside_an_app_finds_what_a_space_promises(place):
    app = """
import os, sys, pwd, pathlib
assert pathlib.Path.cwd() == pathlib.Path("/app"), pathlib.Path.cwd()
assert pathlib.Path("/home/user/app").resolve() == pathlib.Path("/app")
assert os.environ["HOME"] == os.path.expanduser("~") == "/home/user"
assert os.environ["USER"] == os.environ["LOGNAME"] == pwd.getpwuid(os.getuid()).pw_name == "user"
assert os.environ["SYSTEM"] == "spaces" and os.environ["SECRET"] == "hush"
assert os.environ["CPU_CORES"] == "1" and os.environ["MEMORY"] == "0.5Gi"
assert os.environ["OMP_NUM_THREADS"] == "1" and os.environ["PYTHONUNBUFFERED"] == "1"
assert sys.path[0] == "/app" and sys.argv == ["app.py"] and __name__ == "__main__", (sys.path, sys.argv)
assert sys.modules["__main__"].__file__ == "/app/app.py"
for name in ("/app", "/home/user", "/data", "/tmp", "/dev/shm"):
    (pathlib.Path(name) / "mine").write_text("x")
assert sorted(os.listdir("/data")) == ["mine"]
assert sys.prefix == "/env" and os.environ["PATH"].startswith("/env/bin:")
open("/dev/stdout", "w").write("all is there\\n")
"""

    async def work():
        spec = place.spec(app, env={"USER": "somebody", "HOME": "/root"})
        await place.backend.start(spec)
        seen = await place.reach(spec, Phase.EXITED)
        assert (seen.why, "all is there" in place.log()) == ("exited with status 0", True), place.log()

    run(place, work)


def test_the_platform_is_reached_inside_under_its_own_address(place):
    class Hub(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"x" * 3_000_000
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    hub = http.server.ThreadingHTTPServer(("127.0.0.1", place.port), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    app = f"""
import urllib.request
for host in ("127.0.0.1", "localhost", "127.1.2.3", "[::1]"):
    print(host, len(urllib.request.urlopen(f"http://{{host}}:{place.port}/").read()), flush=True)
"""

    async def work():
        spec = place.spec(app)
        await place.backend.start(spec)
        await place.reach(spec, Phase.EXITED)
        assert place.log().count(" 3000000") == 4, place.log()

    run(place, work)
    hub.shutdown()
    hub.server_close()


def test_packages_of_the_system_lie_over_usr(place):
    base = place.layout.bases / "d1"
    (base / "usr" / "share" / "spaces-test").mkdir(parents=True)
    (base / "usr" / "share" / "spaces-test" / "here").write_text("from the package")
    (base / "etc" / "spaces-test").mkdir(parents=True)
    app = """
import os
print(open("/usr/share/spaces-test/here").read(), os.path.isdir("/etc/spaces-test"), os.path.exists("/usr/bin/env"))
"""

    async def work():
        spec = place.spec(app, base=str(base))
        await place.backend.start(spec)
        await place.reach(spec, Phase.EXITED)
        assert "from the package True True" in place.log(), place.log()

    run(place, work)


def test_two_instances_of_a_space_share_its_data_and_nothing_else(place):
    async def work():
        write = HELLO.replace(
            'print("hello', 'open("/data/x", "w").write("1"); open("/home/user/x", "w")\nprint("hello'
        )
        read = "import os\nprint(os.listdir('/data'), os.path.exists('/home/user/x'))\n" + HELLO
        first, second = place.spec(write), place.spec(read)
        await place.ready(first)
        await place.ready(second)
        assert "['x'] False" in place.log()
        await place.backend.stop(first.id)
        assert (await place.get(second)).endswith(b"hello")
        await place.backend.stop(second.id)
        await until(lambda: not place.left())

    run(place, work)


def test_forgetting_a_space_deletes_its_data(place):
    async def work():
        spec = place.spec("open('/data/x', 'w')")
        await place.backend.start(spec)
        await place.reach(spec, Phase.EXITED)
        await place.backend.stop(spec.id)
        assert (place.layout.volumes / spec.space).exists()
        await place.backend.forget(spec.space)
        assert not (place.layout.volumes / spec.space).exists()

    run(place, work)


def test_a_node_killed_while_it_starts_an_instance_leaves_nothing_of_it(place):
    async def work():
        for pause in (0.0, 0.02, 0.04, 0.06, 0.08):
            starting = asyncio.create_task(place.backend.start(place.spec()))
            await asyncio.sleep(pause)
            place.kill()
            with contextlib.suppress(BackendUnavailable):
                await starting
            place.begin()
            for instance in await place.backend.observe():  # the start was finished, or it never was
                await place.reach(instance, Phase.READY)
        await place.backend.stop_all()
        await until(lambda: not place.left())

    run(place, work)


def commands(place):
    return [Path(f"/proc/{pid}/cmdline").read_text() for pid in place.processes()]


def test_where_spaces_are_trusted_they_run_without_a_sandbox():
    needs_user()
    trusting = Place(folder(), user=SOMEBODY, words=("trusting",))
    app = HELLO.replace("7860", "int(__import__('os').environ['GRADIO_SERVER_PORT'])")

    async def work():
        spec = trusting.spec(app)
        await trusting.ready(spec)
        assert "bwrap" not in " ".join(commands(trusting))
        assert (await trusting.get(spec)).endswith(b"hello")
        await trusting.backend.suspend(spec.id, Phase.FROZEN)
        await trusting.backend.resume(spec.id)
        assert (await trusting.get(spec)).endswith(b"hello")
        await trusting.backend.stop(spec.id)
        await until(lambda: not trusting.left())

    trusting.begin()
    try:
        run(trusting, work)
    finally:
        trusting.remove()


def test_the_launcher_turns_gradio_s_stub_writer_off(tmp_path):
    package = tmp_path / "gradio"
    package.mkdir()
    (package / "__init__.py").write_text("from gradio import component_meta\ncomponent_meta.create_or_modify_pyi(1)")
    (package / "component_meta.py").write_text("def create_or_modify_pyi(*_): raise SystemExit('written')")
    (tmp_path / "app.py").write_text("import gradio; print('imported')")
    done = subprocess.run(
        [sys.executable, launch.__file__, "app.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("imported\n", 0), done.stderr
