"""packages.txt with the machine's real apt: for apps and builds from source in their sandboxes, never on the host."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from spaces_runtime.domain.space import BuildState
from tests.builder.hostile import offer
from tests.node.place import HELLO, Place
from tests.scheduler.build_world import World, module, requires

pytestmark = pytest.mark.anyio
SAYS = "Hello, world!"  # the Debian package `hello`, 53 kB
APP = HELLO.replace('body = b"hello"', 'import subprocess; body = subprocess.check_output("hello")')


@pytest.fixture
def mirror(tmp_path: Path) -> None:
    """Skips where this machine's apt gets nothing."""
    try:
        ended = subprocess.run(
            ["apt-get", "-o", "Acquire::Retries=0", "download", "hello"],
            cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"apt cannot be used here: {error}")
    if ended.returncode:
        pytest.skip(f"apt gets nothing here: {(ended.stderr.strip().splitlines() or ['no reason'])[-1]}")


@pytest.mark.usefixtures("mirror")
async def test_a_debian_package_is_there_for_the_app_and_for_builds_from_source_and_not_on_the_host(
    world: World,
    place: Place,
) -> None:
    host = Path("/var/lib/dpkg/status").stat().st_mtime_ns
    code = "import subprocess; text = f'MADE = {subprocess.check_output(\"hello\", text=True)!r}\\n'"
    offer(world.index, "thing", code=code)
    done = await world.build(await world.push({"packages.txt": b"hello\n", **requires("thing")}))
    assert done.build is BuildState.DONE, done.why
    assert done.artifact is not None
    assert SAYS in module(done, "thing")
    spec = place.spec(APP, base=done.artifact.base)
    await place.ready(spec)
    assert SAYS.encode() in await place.get(spec)
    await place.end()
    assert Path("/var/lib/dpkg/status").stat().st_mtime_ns == host
    assert not Path("/usr/bin/hello").exists()


@pytest.mark.usefixtures("mirror")
async def test_a_debian_package_that_does_not_exist_is_named_with_its_line(world: World) -> None:
    failed = await world.build(await world.push({"packages.txt": b"hello\nno-such-package-here\n"}))
    assert failed.build is BuildState.FAILED
    assert failed.why.startswith("packages.txt line 2 asks for no-such-package-here")
