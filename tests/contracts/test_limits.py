"""Every engine holds an app to its tier. Each limit is proved by exceeding it, and the neighbours go on."""

import asyncio
import os
import re
from dataclasses import replace

import pytest

from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.instance import Phase
from tests.contracts.test_backend import engine
from tests.node.place import MIB, Place, folder, needs_root, until

CORES = os.cpu_count() or 1
BURN = """
import os
for _ in range(2 * os.cpu_count() - 1):
    if os.fork() == 0: break
while True: pass
"""
BOMB = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except OSError as error:
    print("stopped after", count, error.__class__.__name__, flush=True)
time.sleep(60)
"""
FILL = """
import errno, os, pathlib
for place in ("/home/user", "/data"):
    total = 0
    try:
        for n in range(100):
            (pathlib.Path(place) / f"f{n}").write_bytes(b"x" * 10**7)
            total += 10
    except OSError as error:
        print(place, "full after", total, "MB", errno.errorcode[error.errno], flush=True)
"""


@pytest.fixture
def place():
    """As root: an ordinary user enforces few of these, and says so."""
    needs_root()
    made = Place(folder())
    made.begin()
    yield made
    made.remove()


def on(place, app, *, space, cpus=1.0, memory=256 * MIB, disk=64 * MIB):
    """An app on a tier of these ceilings."""
    spec = place.spec(app, space=space)
    tier = Hardware(name="small", cpus=cpus, memory=memory, disk=disk)
    return replace(spec, setup=replace(spec.setup, hardware=tier))


async def spent(place, *specs, seconds):
    """Seconds of processor that each of them used in this time."""

    async def used():
        return [(await place.see(spec.id)).cpu for spec in specs]

    for spec in specs:
        await until(lambda spec=spec: busy(place, spec))
    before = await used()
    await asyncio.sleep(seconds)
    return [after - begun for begun, after in zip(before, await used(), strict=True)]


async def busy(place, spec):
    return (await place.see(spec.id)).cpu > 0.2


@engine
async def test_an_app_gets_no_more_processor_than_its_tier_has(place):
    spec = on(place, BURN, space="eve-burns", cpus=0.25)
    await place.backend.start(spec)
    [used] = await spent(place, spec, seconds=2.0)
    assert used < 0.25 * 2.0 * 1.4, "it has processes for every core"


@engine
async def test_where_cores_are_short_a_tier_of_three_times_the_cores_gets_three_times_the_share(place):
    small, large = (on(place, BURN, space=f"eve-{n}", cpus=float(n * CORES)) for n in (1, 3))
    await place.backend.start(small)
    await place.backend.start(large)

    async def fair():  # the kernel spreads groups over cores by and by, the later the more else runs
        few, many = await spent(place, small, large, seconds=2.0)
        return 1.8 < many / few < 5.0

    await until(fair, 40)


@engine
async def test_an_app_that_eats_all_its_memory_is_ended_and_the_reason_names_the_limit(place):
    spec = on(place, "x = []\nwhile True: x.append(bytearray(10**7))", space="eve-eats", memory=128 * MIB)
    await place.backend.start(spec)
    seen = await place.reach(spec, Phase.EXITED)
    assert seen.why.startswith("out of memory: limit 128 MiB")


@engine
async def test_a_fork_bomb_stops_at_its_limit_and_its_neighbour_answers(place):
    good, bad = place.spec(), on(place, BOMB, space="eve-bomb", memory=2048 * MIB)
    await place.ready(good)
    await place.backend.start(bad)
    await until(lambda: "stopped after" in place.log("eve-bomb"), 40)
    count, error = re.search(r"stopped after (\d+) (\w+)", place.log("eve-bomb")).groups()
    assert (int(count) < 1100, error) == (True, "BlockingIOError")
    assert (await place.get(good)).endswith(b"hello")
    await place.backend.stop(bad.id)
    assert not [each for each in place.left() if "eve-bomb" in each]


@engine
async def test_a_full_disk_is_full_for_its_own_space_only_and_data_has_a_quota_of_its_own(place):
    spec = on(place, FILL, space="eve-fills", memory=1024 * MIB)
    await place.backend.start(spec)
    assert (await place.reach(spec, Phase.EXITED)).why == "exited with status 0"
    found = re.findall(r"(\S+) full after (\d+) MB (\w+)", place.log("eve-fills"))
    assert [name for name, _, _ in found] == ["/home/user", "/data"]
    assert all(int(total) < 70 and error == "ENOSPC" for _, total, error in found)
    await place.backend.stop(spec.id)
    after = on(place, "import os; print('kept', len(os.listdir('/data')), os.listdir('/home/user'))", space="eve-fills")
    await place.backend.start(after)
    await place.reach(after, Phase.EXITED)
    assert re.search(r"kept [67] \['app'\]", place.log("eve-fills")), "/data is kept, home is new"


@engine
async def test_data_grows_with_the_tier_and_keeps_what_it_has_on_a_smaller_one(place):
    ask = "import os; s = os.statvfs('/data'); print('data', s.f_blocks * s.f_frsize >> 20, os.listdir('/data'))\n"
    for disk, app in ((64, ask + "open('/data/mine', 'w')"), (256, ask), (64, ask)):
        spec = on(place, app, space="ann-grows", disk=disk * MIB)
        await place.backend.start(spec)
        assert (await place.reach(spec, Phase.EXITED)).why == "exited with status 0", place.log("ann-grows")
        await place.backend.stop(spec.id)
    said = [(int(mib), names) for mib, names in re.findall(r"data (\d+) (\[.*\])", place.log("ann-grows"))]
    assert [names for _, names in said] == ["[]", "['mine']", "['mine']"]
    small, large, kept = (mib for mib, _ in said)
    assert (small < 64, 200 < large < 256, kept) == (True, True, large)


@engine
async def test_an_instance_says_which_tier_it_runs_on_also_after_a_restart_of_the_node(place):
    spec = on(place, "import time; time.sleep(60)", space="ann-slow")
    await place.backend.start(spec)
    assert (await place.see(spec.id)).hardware == "small"
    place.kill()
    place.begin()
    assert (await place.see(spec.id)).hardware == "small"
