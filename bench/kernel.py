"""What the kernel says about the processes of a Space: never asked of the platform."""

from __future__ import annotations

from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def processes(space: str) -> list[int]:
    """Pids of the app: those that were given its SPACE_ID."""
    wanted = f"SPACE_ID={space}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # ended, or not ours to read
    return found


def is_frozen(pid: int) -> bool:
    """Stopped by a freezer (version 1 or 2), or by a signal."""
    status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    if status == "T":
        return True
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "freezer" and (CGROUPS / f"freezer{path}/freezer.state").read_text().strip() == "FROZEN":
            return True
        for tree in (CGROUPS / "unified", CGROUPS):
            events = tree / path.lstrip("/") / "cgroup.events"
            if not controllers and path != "/" and events.exists() and "frozen 1" in events.read_text():
                return True
    return False


def is_asleep(space: str, rung: str) -> bool:
    """frozen: there are processes, and each is frozen; paged: with more of them in swap than in memory. Else: none."""
    pids = processes(space)
    if rung == "paged" and sum(memory(pid, "VmSwap") - memory(pid, "VmRSS") for pid in pids) <= 0:
        return False
    return (bool(pids) and all(is_frozen(pid) for pid in pids)) if rung in ("frozen", "paged") else not pids


def memory(pid: int, which: str) -> int:
    """Bytes, by a line of its status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{which}:")), 0)
