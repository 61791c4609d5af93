"""Decisions of the node that need no node."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys

import pytest

from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.ids import SpaceId
from spaces_runtime.domain.layout import FIRST_SPACE
from spaces_runtime.domain.logs import LIMIT
from spaces_runtime.domain.ports.engine import Job, JobEnd
from spaces_runtime.node import cgroups, sandbox, seccomp
from spaces_runtime.node.jobs import judged
from spaces_runtime.node.living import why_ended
from spaces_runtime.node.logs import Log
from spaces_runtime.node.sockets import Table
from spaces_runtime.node.users import Users

HYBRID = """
24 1 0:20 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
25 24 0:21 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
26 24 0:22 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
27 24 0:23 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
28 24 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
""".strip()


def test_each_controller_is_where_the_kernel_mounted_it():
    found = cgroups.mounts(HYBRID)
    assert {name: version for name, (_, version) in found.items()} == {"cpu": 1, "cpuacct": 1, "memory": 1, "core": 2}
    assert str(found["cpu"][0]) == "/sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.parametrize(
    ("status", "killed", "says"),
    [
        (0, 0, "exited with status 0"),
        (1, 0, "exited with status 1"),
        (-9, 0, "killed by signal 9"),
        (-9, 1, "out of memory: limit 512 MiB (killed by signal 9)"),
        (None, 0, "was ended from outside, with its sandbox"),
    ],
)
def test_an_end_is_told_by_what_is_known_of_it(status, killed, says):
    assert why_ended(status, killed_for_memory=killed, memory=512 * 2**20) == says


@pytest.mark.parametrize(
    ("status", "killed", "late", "end"),
    [
        (0, 0, False, JobEnd(status=0)),
        (3, 0, False, JobEnd(status=3)),
        (1, 1, False, JobEnd(status=1, why="out of memory: limit 1 MiB")),
        (None, 0, True, JobEnd(status=-9, why="out of time: limit 5 s")),
    ],
)
def test_a_build_s_end_names_the_limit_it_met(status, killed, late, end):
    job = Job(id="b", argv=(), env={}, memory=2**20, cpus=1, seconds=5, log="")
    assert judged(job, status=status, killed=killed, late=late, full=False) == end


def test_a_user_is_given_once_for_ever_and_never_twice(tmp_path):
    users = Users(tmp_path / "users.json")
    first, second = users.of(SpaceId("a")), users.of(SpaceId("b"))
    assert (first, second) == (FIRST_SPACE, FIRST_SPACE + 1)
    again = Users(tmp_path / "users.json")
    assert (again.of(SpaceId("b")), again.of(SpaceId("c"))) == (second, FIRST_SPACE + 2)


def test_every_folder_on_the_way_into_the_sandbox_is_made_open_and_top_first():
    assert sandbox.parents(["/root/.pyenv/v/3.11", "/env", "/data"]) == ["/root", "/root/.pyenv", "/root/.pyenv/v"]


def test_a_log_keeps_at_most_two_files_of_its_limit(tmp_path):
    log = Log(tmp_path / "s" / "run.log")
    line = b"x" * 8000
    for _ in range(LIMIT * 3 // len(line)):
        log.write(line)
    log.close()
    sizes = sorted((path.name, path.stat().st_size <= LIMIT) for path in (tmp_path / "s").iterdir())
    assert sizes == [("run.log", True), ("run.log.1", True)]


def test_a_log_whose_space_is_deleted_closes_its_own_file_and_no_other(tmp_path):
    log = Log(tmp_path / "s1" / "run.log")
    log.write(b"the first line")
    shutil.rmtree(tmp_path / "s1")
    log.write(b"nobody reads this")
    with (tmp_path / "of somebody else").open("w") as other:
        log.close()
        os.fstat(other.fileno())


@pytest.mark.parametrize("name", sorted(seccomp.MACHINES))
def test_a_filter_is_whole_instructions_and_within_the_kernel_s_limit(name):
    program = seccomp.deny(seccomp.MACHINES[name])
    assert len(program) % 8 == 0
    assert len(program) // 8 < 4096


def test_the_kernel_takes_the_filter_and_lets_ordinary_programs_run():
    program = seccomp.deny(seccomp.MACHINES[platform.machine()])
    code = """
import ctypes, json, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
program = sys.stdin.buffer.read()
class Program(ctypes.Structure): _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, ctypes.byref(Program(len(program) // 8, program)), 0, 0) == 0
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
pid = os.fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0)
def tried(*numbers):
    ctypes.set_errno(0)
    libc.syscall(*numbers)
    return ctypes.get_errno()
print(json.dumps([tried(425, 8, 0), tried(435, 0, 0), tried(56, 0x10000011, 0, 0, 0, 0), tried(272, 0x10000000)]))
"""
    if platform.machine() != "x86_64":
        pytest.skip("the numbers in this test are those of x86-64")
    done = subprocess.run([sys.executable, "-c", code], input=program, capture_output=True, check=True)
    assert json.loads(done.stdout) == [1, 38, 1, 1]


def test_connections_and_listeners_are_told_by_the_kernel_and_by_its_text_alike():
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4) as ask,
    ):
        port = listener.getsockname()[1]
        asked, read = Table(ask, 1), Table(None, 1)
        assert asked.listening()[port] is read.listening()[port] is True
        assert asked.established(port) == read.established(port) == 0
        with socket.create_connection(("127.0.0.1", port)):
            assert asked.established(port) == read.established(port) == 1


def test_hardware_is_what_a_group_is_limited_to(tmp_path):
    hardware = Hardware(name="t", cpus=0.5, memory=2**30, disk=1)
    v1 = cgroups.Group(folders={name: (tmp_path / name, 1) for name in ("memory", "pids", "cpu")})
    v2 = cgroups.Group(folders=dict.fromkeys(("memory", "pids", "cpu"), (tmp_path / "all", 2)))
    for group in (v1, v2):
        group.make(cgroups.Limits(memory=hardware.memory, cpus=hardware.cpus, processes=7))
    assert (tmp_path / "cpu" / "cpu.cfs_quota_us").read_text() == "50000"
    assert (tmp_path / "memory" / "memory.limit_in_bytes").read_text() == str(2**30)
    assert (tmp_path / "all" / "cpu.max").read_text() == "50000 100000"
    assert (tmp_path / "all" / "pids.max").read_text() == "7"
