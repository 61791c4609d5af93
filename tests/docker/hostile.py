"""A step of a stranger's Dockerfile, as root in its container: what it reached is printed, a line each."""

import ctypes
import os
import socket
import stat
import sys

GATEWAY, HOST, PORT, DEVICE = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
libc = ctypes.CDLL(None, use_errno=True)
tried: list[str] = []


def reached(what: str, attempt) -> None:
    tried.append(what)
    try:
        if attempt() is not False:
            print("REACHED", what, flush=True)
    except (OSError, ValueError):
        pass


def connected(host: str, port: int):
    def attempt() -> None:
        socket.create_connection((host, port), 1.5).close()

    return attempt


def opened(path: str, mode: int):
    return lambda: os.close(os.open(path, mode))


def made_device() -> None:
    os.mknod("/disk", 0o600 | stat.S_IFBLK, DEVICE)
    os.read(os.open("/disk", os.O_RDONLY), 512)


def mounted(kind: bytes, options: bytes = b""):
    def attempt() -> bool:
        os.makedirs("/mounted", exist_ok=True)
        return libc.mount(kind, b"/mounted", kind, 0, options) == 0

    return attempt


for place in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"):
    reached(place, lambda place=place: os.stat(place))
for host in (GATEWAY, HOST, "127.0.0.1"):
    reached(f"{host}:{PORT}, where the platform's machine listens", connected(host, PORT))
for host in ("169.254.169.254", "10.0.0.1", "192.168.0.1", "172.16.0.1"):
    reached(f"{host}, inside", connected(host, 80))
reached("a disk of the machine", made_device)
reached("/proc/sysrq-trigger", opened("/proc/sysrq-trigger", os.O_WRONLY))
reached("/proc/sys/kernel/core_pattern", opened("/proc/sys/kernel/core_pattern", os.O_WRONLY))
for name in ("release_agent", "memory/memory.limit_in_bytes", "cgroup.procs"):
    reached(f"/sys/fs/cgroup/{name}", opened(f"/sys/fs/cgroup/{name}", os.O_WRONLY))
reached("a mount of control groups", mounted(b"cgroup", b"memory"))
reached("a mount of control groups, version 2", mounted(b"cgroup2"))
reached("a mount of memory", mounted(b"tmpfs"))
reached("another namespace", lambda: libc.unshare(0x00020000 | 0x10000000) == 0)
reached("others' secrets", lambda: bool(os.listdir("/run/secrets")))
reached("others' processes", lambda: len([p for p in os.listdir("/proc") if p.isdigit()]) > 3)
reached("a secret in the environment", lambda: any("hush" in value for value in os.environ.values()))
with socket.create_server(("127.0.0.1", 0)) as own:  # else the attempts above would prove nothing
    connected("127.0.0.1", own.getsockname()[1])()
print(f"tried {len(tried)} ways", flush=True)
