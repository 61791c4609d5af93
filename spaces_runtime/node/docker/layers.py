"""The folders of an image, read where the engine keeps its layers: in a moment; to pack and send them takes seconds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from builder.image.writable import Folder

DRIVER: Final = "overlay2"
OPAQUE: Final = "trusted.overlay.opaque"


def readable(driver: str) -> bool:
    """Whether this process can read what this driver of an engine on this machine keeps."""
    return driver == DRIVER and os.geteuid() == 0


def layers(told: Mapping[str, Any], root: Path) -> tuple[Path, ...]:
    """The lowest first. told: GraphDriver of an image, as the engine tells it. root: its folder as we see it."""
    data = told.get("Data") or {}
    found = [data.get("UpperDir", ""), *str(data.get("LowerDir", "")).split(":")]
    return tuple(root / DRIVER / Path(place).parent.name / "diff" for place in reversed(found) if place)


def folders(places: tuple[Path, ...]) -> tuple[Folder, ...]:
    """All that an image has, as its layers give and take them. Blocks. Raises: OSError."""
    found: dict[str, Folder] = {}
    for place in places:
        for path, entry, is_folder in _entries(place):
            if path in found and (not is_folder or _is_opaque(entry)):  # what was there before is not seen any more
                for below in [each for each in found if each == path or each.startswith(f"{path}/")]:
                    del found[below]
            if is_folder:
                told = entry.lstat()
                found[path] = Folder(path, told.st_uid, stat.S_IMODE(told.st_mode))
    return tuple(found.values())


def _entries(place: Path) -> Iterator[tuple[str, Path, bool]]:
    """Path in the image, place here, and whether it is a folder; else a file, a link, or the overlay's mark: gone."""
    ahead = [""]
    while ahead:
        above = ahead.pop()
        with os.scandir(place / above) as entries:
            for entry in entries:
                path = f"{above}/{entry.name}".lstrip("/")
                is_folder = entry.is_dir(follow_symlinks=False)
                yield path, Path(entry.path), is_folder
                ahead += [path] if is_folder else []


def _is_opaque(folder: Path) -> bool:
    try:
        return os.getxattr(folder, OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False
