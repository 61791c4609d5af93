"""The rules that every engine's Spaces live behind: as text, and in a network namespace that nobody else is in."""

import json
import shutil
import subprocess
import sys
from ipaddress import IPv4Network

import pytest

from spaces_runtime.node.docker.network import free_subnet
from spaces_runtime.node.firewall import REFUSED, Door, Firewall, doors
from tests.node.place import ROOT, needs_root

RULES = Firewall(
    name="test0",
    device="spt+",
    resolvers=("10.9.9.9",),
    doors=(Door(address="203.0.113.9", port=443),),
    network="10.70.0.0/16",
)
KEPT = """
import json, subprocess, sys
from spaces_runtime.node.firewall import Door, Firewall, Kept, run
program, device = sys.argv[1], "spt+"
rules = Firewall(name="test0", device=device, resolvers=("10.9.9.9",), network="10.70.0.0/16", program=program)
kept = Kept(lambda: (rules,))
foreign = ("-t", "filter", "-A", "FORWARD", "-s", "10.1.1.1", "-j", "DROP")
run(program, "-w", *foreign)
kept.open()
stood = rules.standing()
told = {"stood": len(stood), "quiet": kept.mend()}
def lose(*argv):
    run(program, "-w", *argv)
    mended = kept.mend()
    return [mended, rules.standing() == stood, kept.mend()]
told["a chain"] = lose("-F", rules.chain("OUT"))
told["a hook"] = lose("-D", "INPUT", "-i", device, "-j", rules.chain("IN"))
told["one rule"] = lose("-D", rules.chain("OUT"), "-d", "169.254.0.0/16", "-j", rules.chain("NO"))
run(program, "-w", "-F")
told["a reload"] = lose("-X")
kept.open()
told["again"] = rules.standing() == stood
run(program, "-w", *foreign)
kept.close()
kept.close()
told["closed"] = rules.standing()
told["foreign"] = "-s 10.1.1.1" in run(program + "-save")
print(json.dumps(told))
"""


def lines(part):
    return [line for line in RULES.rules().splitlines() if line.startswith(f"-A {RULES.chain(part)} ")]


def test_name_servers_and_doors_are_asked_before_private_networks_are_refused():
    out = lines("OUT")
    first_no = next(n for n, line in enumerate(out) if line.endswith("-d 0.0.0.0/8 -j SPACES-test0-NO"))
    for each in ("-d 10.9.9.9 -p udp --dport 53", "-d 10.9.9.9 -p tcp --dport 53", "--ctorigdst 203.0.113.9"):
        assert any(each in line and line.endswith("ACCEPT") for line in out[:first_no]), each
    assert {net for line in out for net in REFUSED if f"-d {net} " in line} == set(REFUSED)


def test_answers_come_first_so_that_who_calls_a_space_is_heard():
    assert "ESTABLISHED,RELATED" in lines("IN")[0]
    assert "--ctdir REPLY" in lines("OUT")[0]
    assert [line.rsplit(maxsplit=1)[1] for line in lines("BACK")] == ["ACCEPT", "DROP"]


def test_a_space_reaches_this_machine_at_its_name_servers_and_doors_only():
    into = lines("IN")
    assert [line.rsplit(maxsplit=1)[1] for line in into] == ["ACCEPT"] * 4 + ["SPACES-test0-NO"]


@pytest.mark.parametrize("program", ["iptables-nft", "iptables-legacy"])
def test_rules_come_back_however_they_were_lost_and_go_without_a_trace(program):
    needs_root()
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    known = subprocess.run(["unshare", "-n", program, "-w", "-S"], capture_output=True, text=True, check=False)
    if known.returncode:
        pytest.skip(f"{program} does not work here: {known.stderr.strip()}")
    argv = ["unshare", "-n", sys.executable, "-c", KEPT, program]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(done.stdout)
    assert told.pop("stood") > 25
    assert (told.pop("quiet"), told.pop("again"), told.pop("closed"), told.pop("foreign")) == ([], True, [], True)
    assert told == {each: [["spt+"], True, []] for each in ("a chain", "a hook", "one rule", "a reload")}


def test_doors_are_looked_up_and_what_nobody_knows_is_left_out():
    found = doors(["localhost:443", "127.0.0.1", "no/name:80"])
    assert found == (Door(address="127.0.0.1", port=443), Door(address="127.0.0.1", port=0))
    assert [str(each).rpartition("127.0.0.1")[2] for each in found] == [" --ctorigdstport 443", ""]


def test_the_subnet_of_spaces_collides_with_nothing_that_is_known():
    taken = [IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/13")]
    net = free_subnet("ab12cd34ef", taken)
    assert net is not None
    assert net.prefixlen == 20
    assert not any(net.overlaps(each) for each in taken)
    assert free_subnet("ab12cd34ef", [IPv4Network("0.0.0.0/1"), IPv4Network("128.0.0.0/1")]) is None


def test_two_platforms_begin_to_look_in_different_places():
    assert free_subnet("0000000001", []) != free_subnet("0000000002", [])
