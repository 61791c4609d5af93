"""A Space that tries every way out of where it runs. Every engine has to hold it."""

import json
import re
import socket
from pathlib import Path

from spaces_runtime.domain.instance import Phase

HOSTILE = r"""
import ctypes, json, os, pathlib, socket, subprocess, sys, time
tell = json.loads(os.environ["TARGETS"])
got = {}

def attempt(name, what):
    try:
        got[name] = str(what())
    except BaseException as error:
        got[name] = "no: " + type(error).__name__ + " " + str(error)[:60]

def connect(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(2)
        sock.connect(address)
        return "connected"

def put(path, text):
    with open(path, "wb", 0) as file:
        return file.write(text)

libc = ctypes.CDLL(None, use_errno=True)
def call(number, *rest):
    result = libc.syscall(number, *rest)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result

for name, path in tell["paths"].items():
    attempt("read " + name, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(20))
for name, address in tell["addresses"].items():
    attempt("connect " + name, lambda: connect(tuple(address)))
attempt("connect ipv6", lambda: connect(("fd00::1", 80), socket.AF_INET6))
for name, path in tell["sockets"].items():
    attempt("socket of " + name, lambda: connect(path, socket.AF_UNIX))
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("processes", lambda: len([p for p in os.listdir("/proc") if p.isdigit()]))
attempt("environment of init", lambda: open("/proc/1/environ", "rb").read())
attempt("files of init", lambda: os.listdir("/proc/1/fd"))
attempt("kill init", lambda: os.kill(1, 9))
attempt("mount", lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, 0))
attempt("umount", lambda: call(166, b"/usr", 0))
attempt("unshare user", lambda: call(272, 0x10000000))
attempt("clone user", lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0))
attempt("clone3", lambda: call(435, 0, 0))
attempt("ptrace", lambda: call(101, 16, os.getppid(), 0, 0))
attempt("io_uring", lambda: call(425, 8, 0))
attempt("bpf", lambda: call(321, 0, 0, 0))
attempt("unshare mounts", lambda: call(272, 0x20000))
attempt("setns", lambda: call(308, os.open("/proc/1/ns/net", 0), 0))
attempt("pivot_root", lambda: call(155, b"/tmp", b"/tmp"))
attempt("perf_event_open", lambda: call(298, 0, 0, -1, -1, 0))
attempt("keyctl", lambda: call(250, 0, -3, 1))
attempt("userfaultfd", lambda: call(323, 0))
attempt("open_by_handle_at", lambda: call(304, -1, 0, 0))
attempt("init_module", lambda: call(175, 0, 0, b""))
attempt("memory of another", lambda: call(310, os.getppid(), 0, 0, 0, 0, 0))
attempt("setgroups", lambda: os.setgroups([0]))
attempt("setuid", lambda: os.setuid(0))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("device", lambda: os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(254, 0)))
attempt("write usr", lambda: open("/usr/x", "w"))
attempt("write env", lambda: open("/env/x", "w"))
attempt("write run", lambda: open("/run/x", "w"))
attempt("write launcher", lambda: open("/launch.py", "a"))
attempt("sysctl", lambda: put("/proc/sys/kernel/hostname", b"x"))
attempt("core pattern", lambda: put("/proc/sys/kernel/core_pattern", b"x"))
attempt("forwarding", lambda: put("/proc/sys/net/ipv4/ip_forward", b"1"))
attempt("sysrq", lambda: put("/proc/sysrq-trigger", b"h"))
attempt("uevent helper", lambda: put("/sys/kernel/uevent_helper", b"x"))
attempt("own limits", lambda: put("/proc/self/oom_score_adj", b"-1000"))
attempt("raise limit", lambda: __import__("resource").setrlimit(4, (10**9, 10**9)))
attempt("su", lambda: subprocess.run(["/bin/su", "-c", "id"], check=True, stderr=subprocess.DEVNULL))
attempt("cgroup", lambda: os.listdir("/sys/fs/cgroup"))
groups = pathlib.Path("/sys/fs/cgroup")
attempt("read cgroups of others", lambda: [path for path in groups.glob("*/*") if path.is_dir()])
for name in ("pids.max", "pids/pids.max", "memory/memory.limit_in_bytes", "memory/cgroup.procs", "cgroup.procs"):
    attempt("write cgroup " + name, lambda: put("/sys/fs/cgroup/" + name, b"1"))
attempt("read secrets of others", lambda: [open(path, "rb").read() for path in
    pathlib.Path("/proc").glob("[0-9]*/environ") if b"of-the-victim" in path.read_bytes()])
status = open("/proc/self/status").read()
got["status"] = {k: v.strip() for k, v in (line.split(":", 1) for line in status.splitlines()) if k in
    ("CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid")}
print("GOT " + json.dumps(got), flush=True)
"""


def host_address() -> str:
    """An address of this machine other than loopback, when it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return "192.0.2.1"
        return sock.getsockname()[0]


async def tried(place, victim, port, addresses=None):
    """What it got, and what the kernel says of its process. port: one that somebody listens on, outside."""
    layout = place.layout
    targets = {
        "paths": {
            "data": str(layout.data),
            "node": str(layout.node),
            "victim": str(layout.node / "instances" / victim.id / "disk" / "home"),
            "victim data": str(layout.volumes / "bob-victim"),
            "logs": str(layout.logs),
            "shadow": "/etc/shadow",
            "root": "/root",
            "host tmp": str(Path(__file__).parent),
            "var": "/var/log",
            "kernel memory": "/proc/kcore",
            "disk": "/dev/vda",
        },
        "addresses": {
            "host": [host_address(), port],
            "host loopback": ["127.0.0.1", port],
            "metadata": ["169.254.169.254", 80],
            "private": ["10.0.0.1", 80],
            "victim": ["127.0.0.1", 7860],
            "internet": ["192.0.2.1", 443],
        }
        if addresses is None
        else addresses,
        "sockets": {
            "dialing": str(layout.dial_socket),
            "the node": str(layout.node_socket),
            "the hub": str(layout.hub_socket),
            "the engine": "/var/run/docker.sock",
            "the engine's own engine": "/run/containerd/containerd.sock",
        },
    }
    spec = place.spec(HOSTILE, space="eve-hostile", env={"TARGETS": json.dumps(targets)})
    await place.backend.start(spec)
    await place.reach(spec, Phase.EXITED)
    got = json.loads(re.search(r"GOT (.*)", place.log("eve-hostile"))[1])
    return got, got.pop("status")


def won(place, got):
    """What it got: without what was refused, and without empty folders on the way to something that is shown."""
    shown = str([place.layout.envs.relative_to(place.layout.data).parts[0]])  # the environment's own place
    nothing = {"read data": shown, "read root": "['.pyenv']"}  # and the interpreter's
    return {
        name: how
        for name, how in got.items()
        if not (how.startswith("no: ") or (name.startswith("read ") and how in ("[]", "['plain']", nothing.get(name))))
    }
