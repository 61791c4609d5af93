"""A Space with internet reaches public addresses and nothing else, against a small internet of our own making."""

import json
import re
import socket
import subprocess
from dataclasses import replace

from spaces_runtime.domain.instance import Phase
from spaces_runtime.node.firewall import resolvers
from spaces_runtime.node.internet import Internet
from tests.node.outside import HERE_PRIVATE, HERE_PUBLIC, METADATA, PRIVATE, PUBLIC, TRY
from tests.node.place import HELLO, Place, folder, until
from tests.node.run import run


def test_only_the_public_internet_is_reached(outside):
    place = Place(folder(), words=("internet",))
    net = Internet(key=place.key, resolvers=())

    async def work():
        with socket.create_server(("0.0.0.0", 0)) as host:
            port = host.getsockname()[1]
            victim = place.spec(HELLO, space="bob-victim")
            await place.ready(victim)
            targets = {
                "public": [PUBLIC, 8080],
                "private": [PRIVATE, 8080],
                "metadata": [METADATA, 8080],
                "host, public address": [HERE_PUBLIC, port],
                "host, private address": [HERE_PRIVATE, port],
                "host, our side of the pair": [net.addresses(1)[0], port],
                "victim": [net.addresses(0)[1], 7860],
                "victim's pair": [net.addresses(0)[0], port],
                "host over IPv6": ["fe80::1", port],
            }
            wait = "import time, pathlib\nwhile 'eth0' not in open('/proc/net/route').read(): time.sleep(0.01)\n"
            spec = place.spec(wait + TRY, space="eve-out", env={"TARGETS": json.dumps(targets)})
            await place.backend.start(spec)
            await place.reach(spec, Phase.EXITED)
            got = json.loads(re.search(r"GOT (.*)", place.log("eve-out"))[1])
            assert got.pop("public") == "connected"
            assert "connected" not in got.values(), got
            assert (await place.get(victim)).endswith(b"hello")
        await place.backend.stop_all()
        await until(lambda: not place.left())
        await until(lambda: f"sp{place.key[:5]}" not in subprocess.check_output(["ip", "link"], text=True))

    place.begin()
    try:
        run(place, work)
    finally:
        place.remove()
    assert place.key[:5] not in subprocess.check_output(["iptables-save"], text=True)


def test_a_space_that_is_kept_off_the_internet_has_no_way_out_and_lost_rules_come_back(outside):
    place = Place(folder(), words=("internet",))
    chain = f"SPACES-{place.key[:5]}-OUT"

    def rules():
        return sum(chain in line for line in subprocess.check_output(["iptables-save"], text=True).splitlines())

    async def work():
        code = f"{TRY}\nprint('DEVICES', [name for _, name in socket.if_nameindex()])"
        spec = place.spec(code, space="eve-in", env={"TARGETS": json.dumps({"public": [PUBLIC, 8080]})})
        spec = replace(spec, setup=replace(spec.setup, internet=False))
        before = rules()
        assert before > 10
        subprocess.run(["iptables", "-w", "-F", chain], check=True)
        await place.backend.start(spec)
        await place.reach(spec, Phase.EXITED)
        assert 'GOT {"public": "OSError"}' in place.log("eve-in")
        assert "DEVICES ['lo']" in place.log("eve-in")
        await until(lambda: rules() == before)

    place.begin()
    try:
        run(place, work)
    finally:
        place.remove()


def test_name_servers_on_loopback_are_not_for_spaces():
    texts = [
        "# here\nnameserver 127.0.0.53\nsearch x",
        "nameserver 9.9.9.9\nnameserver ::1\nnameserver 10.0.0.2\nnameserver",
    ]
    assert resolvers(texts) == ("9.9.9.9", "10.0.0.2")


def test_no_two_spaces_have_an_address_in_common():
    net = Internet(key="ab12ab12ab", resolvers=())
    seen = {address for number in range(1000) for address in net.addresses(number)}
    assert len(seen) == 2000
