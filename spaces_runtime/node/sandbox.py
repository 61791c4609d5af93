"""The sandbox as arguments of bubblewrap (pure): what a Space sees of the machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MERGED = (("usr/bin", "/bin"), ("usr/sbin", "/sbin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64"))
SHOWN_ETC = ("ssl", "ca-certificates", "pki", "nsswitch.conf", "ld.so.cache", "localtime", "mime.types", "alternatives")
SHOWN_NET = ("resolv.conf",)
TMP = ("/tmp", "/dev/shm")  # noqa: S108 the sandbox's own
CHANGE_USER = ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")  # for init's first act
AN_USER = ("--unshare-user", "--uid", "1000", "--gid", "1000")
NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one sandbox shows.

    root: started by root, so without a user namespace and with the right to change the user inside.
    shown: (path outside, path inside), read-only. writable: the same, read-write.
    mounted: volumes: (path outside, path inside, whether read-only); they lie over all the others.
    base: folder of Debian packages; its usr lies over the system's. memory: bytes; sizes /tmp and /dev/shm.
    devices: files of /dev that it alone may use.
    own_network: a network namespace of its own. names: whether the outside's resolver is shown.
    """

    root: bool
    shown: tuple[tuple[Path, str], ...]
    writable: tuple[tuple[Path, str], ...]
    etc: Path
    memory: int
    mounted: tuple[tuple[Path, str, bool], ...] = ()
    base: Path | None = None
    devices: tuple[str, ...] = ()
    own_network: bool = True
    names: bool = False
    links: tuple[tuple[str, str], ...] = ()


def parents(paths: Iterable[str]) -> list[str]:
    """Folders above these paths, top first. Those that bubblewrap makes by itself would be closed to the app."""
    above = {str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"/", "/usr", "/etc"}
    return sorted(above, key=lambda path: (path.count("/"), path))


def system(base: Path | None) -> list[str]:
    """/usr and its aliases, read-only; packages of the Space lie over it."""
    usr = ["--ro-bind", "/usr", "/usr"]
    if base is not None and (base / "usr").is_dir():
        usr = ["--overlay-src", "/usr", "--overlay-src", str(base / "usr"), "--ro-overlay", "/usr"]
    return usr + [part for target, link in MERGED for part in ("--symlink", target, link)]


def settings(view: View) -> list[str]:
    """/etc: certificates and names from the machine, users and hosts of our own, the rest from the packages."""
    names = SHOWN_ETC + (SHOWN_NET if view.names else ())
    arguments = ["--perms", "0755", "--dir", "/etc"]
    for name in names:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    ours = {path.name for path in view.etc.iterdir()}
    for path in sorted(view.etc.iterdir()):
        arguments += ["--ro-bind", str(path), f"/etc/{path.name}"]
    if view.base is not None and (view.base / "etc").is_dir():
        for path in sorted((view.base / "etc").iterdir()):
            if path.name not in ours and path.name not in names:
                arguments += ["--ro-bind", str(path), f"/etc/{path.name}"]
    return arguments


def arguments(view: View) -> list[str]:
    """All but the program to run; the caller adds file descriptors and the program."""
    user = list(CHANGE_USER if view.root else AN_USER)
    network = ["--unshare-net"] if view.own_network else []
    inside = [*(path for _, path in (*view.shown, *view.writable)), *(path for _, path, _ in view.mounted)]
    deeper = sorted(view.mounted, key=lambda mount: mount[1].count("/"))
    half = str(max(view.memory // 2, 2**20))
    return [
        *user,
        *NAMESPACES,
        *network,
        *("--hostname", "space", "--new-session", "--as-pid-1"),
        *system(view.base),
        *settings(view),
        *("--perms", "0755", "--size", str(2**20), "--tmpfs", "/run", "--proc", "/proc", "--dev", "/dev"),
        *(part for path in parents(view.devices) if path != "/dev" for part in ("--perms", "0755", "--dir", path)),
        *(part for path in view.devices for part in ("--dev-bind", path, path)),
        *(part for path in TMP for part in ("--perms", "1777", "--size", half, "--tmpfs", path)),
        *(part for path in parents(inside) if path not in TMP for part in ("--perms", "0755", "--dir", path)),
        *(part for outside, path in view.shown for part in ("--ro-bind", str(outside), path)),
        *(part for outside, path in view.writable for part in ("--bind", str(outside), path)),
        *(part for outside, path, only in deeper for part in ("--ro-bind" if only else "--bind", str(outside), path)),
        *(part for target, link in view.links for part in ("--symlink", target, link)),
    ]
