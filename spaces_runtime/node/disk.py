"""Where an instance writes: a sparse image with a file system of its own size, or a plain folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

from spaces_runtime.node import kernel

GET_FREE, CONFIGURE = 0x4C82, 0x4C0A  # include/uapi/linux/loop.h
AUTOCLEAR = 4  # the device goes with its last user
SMALLEST = 16 * 2**20  # bytes; below it ext4 has no room for its own tables
MAKE = ("mkfs.ext4", "-q", "-F", "-m", "0", "-i", "65536")
SUPERBLOCK = 1024  # where ext4 says how many blocks there are, and how large: Documentation/filesystems/ext4
GROWN_WITHIN = 120.0  # seconds
MENDED = 1  # e2fsck's status when it has put something right, and all is well now
TRIES = 16  # another process may take the free device first


def images_work(folder: Path) -> str:
    """Empty, or why quotas by image cannot be had here."""
    if os.geteuid() != 0:
        return "mounting needs root"
    if shutil.which(MAKE[0]) is None:
        return "mkfs.ext4 is not installed"
    image, target = folder / f"trial-{os.getpid()}.img", folder / f"trial-{os.getpid()}"
    try:
        make_image(image, SMALLEST, journal=False)
        target.mkdir(exist_ok=True)
        attach(image, target)
        kernel.unmount(target)
    except (OSError, subprocess.SubprocessError) as error:
        return f"a loop device cannot be mounted ({error})"
    finally:
        image.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            target.rmdir()
    return ""


def make_image(image: Path, size: int, *, journal: bool) -> None:
    """A file system of `size` bytes that takes room only as it fills; 20 ms. Raises: OSError, SubprocessError."""
    beside = image.with_name(f".{image.name}.new")
    beside.touch(mode=0o600)
    os.truncate(beside, max(size, SMALLEST))
    features = () if journal else ("-O", "^has_journal,^resize_inode")
    eager = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
    subprocess.run((*MAKE, *features, "-E", eager, beside), check=True, capture_output=True, timeout=60)  # noqa: S603
    beside.replace(image)


def grow(image: Path, size: int) -> None:
    """A larger size for a file system that nothing has mounted; never a smaller one. May be repeated after a kill.

    Raises: OSError, SubprocessError.
    """
    with image.open("rb") as file:
        file.seek(SUPERBLOCK)
        blocks, order = struct.unpack("<4xI16xI", file.read(28))
    if blocks << (10 + order) >= size >> (10 + order) << (10 + order):
        return
    os.truncate(image, size)
    checked = subprocess.run(("e2fsck", "-fp", image), check=False, capture_output=True, timeout=GROWN_WITHIN)  # noqa: S603, S607
    if checked.returncode > MENDED:
        raise OSError(f"its file system needs a person: {checked.stdout.decode(errors='replace').strip()}")
    subprocess.run(("resize2fs", image), check=True, capture_output=True, timeout=GROWN_WITHIN)  # noqa: S603, S607


def attach(image: Path, target: Path) -> None:
    """Mount an image. Deleted files give their room back to the machine. Raises: OSError."""
    with image.open("r+b") as file:
        for _ in range(TRIES):
            with contextlib.suppress(OSError):
                _attach(file.fileno(), target)
                return
        _attach(file.fileno(), target)


def _attach(image: int, target: Path) -> None:
    with Path("/dev/loop-control").open("rb") as control:
        number = fcntl.ioctl(control, GET_FREE)
    path = Path(f"/dev/loop{number}")
    if not path.exists():
        os.mknod(path, 0o600 | 0o060000, os.makedev(7, number))
    with path.open("r+b") as device:
        # struct loop_config: fd, block size, struct loop_info64 with its flags at byte 52, reserved
        fcntl.ioctl(device, CONFIGURE, struct.pack("=II52xI248x", image, 0, AUTOCLEAR).ljust(304, b"\0"))
        kernel.mount(str(path), target, "ext4", "discard")


def detach(target: Path) -> None:
    """Unmount, also when something still holds it. Nothing happens where nothing is mounted."""
    while target.is_dir() and os.path.ismount(target):
        try:
            kernel.unmount(target)
        except OSError:
            kernel.unmount(target, lazily=True)


def copy_code(code: Path, target: Path, user: int | None) -> None:
    """A private, writable copy of a revision. Links stay links: they are followed by the app only, inside."""
    shutil.copytree(code, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    give(target, user)


def link_hub(hub: Path, cache: Path, shown: str) -> None:
    """A cache of the Hub's clients as a build filled it: its folders the app's own, its files links into `shown`.

    So what is shared stays read-only, and other revisions can still come beside it.
    """
    for place, _, files in os.walk(hub):
        here = Path(place).relative_to(hub)
        if here.parts[1:2] == ("blobs",):
            continue
        (cache / here).mkdir(parents=True, exist_ok=True)
        for name in files:
            source = Path(place, name)
            if source.is_symlink():
                (cache / here / name).symlink_to(Path(shown) / source.resolve().relative_to(hub.resolve()))
            else:
                shutil.copyfile(source, cache / here / name)


def give(folder: Path, user: int | None) -> None:
    """Everything below to this user. None: there is only us."""
    if user is None:
        return
    os.chown(folder, user, user)
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(here, name), user, user, follow_symlinks=False)
