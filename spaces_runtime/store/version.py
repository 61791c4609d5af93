"""Which version wrote a data folder, and with which kind of database: an older one is brought up, a newer one refused.

The database's own part of this is its schema's revision; see migrations.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final
from uuid import uuid4

from spaces_runtime.domain.errors import Fault

FORMAT: Final = 1  # of the folder; raised when this version would be misread by the one before
FILE: Final = "version.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """format: see FORMAT. platform: the version of the package. database: sqlite or postgresql."""

    format: int
    platform: str
    database: str


def current(database: str) -> Written:
    """What this version writes."""
    return Written(format=FORMAT, platform=version("spaces-runtime"), database=database)


def written(folder: Path) -> Written | None:
    """What a folder says of itself; None: it is new.

    Raises: Fault when it cannot be read.
    """
    try:
        told = json.loads((folder / FILE).read_text())
        return Written(format=int(told["format"]), platform=str(told["platform"]), database=str(told["database"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise Fault(
            what=f"open {folder.parent}", why=f"{folder / FILE} is damaged", then="Restore it from a backup."
        ) from error


def check(folder: Path, database: str) -> None:
    """Before anything in it is touched. folder: the database's, in the data folder. database: sqlite or postgresql.

    Raises: Fault.
    """
    before = written(folder)
    if before is None:
        return
    if before.format > FORMAT:
        raise newer(f"the data folder {folder.parent}", f"format {before.format}", f"{FORMAT}", before.platform)
    if before.database != database:
        then = (
            "Set DATABASE_URL as for `spaces up`."
            if before.database == "postgresql"
            else "Unset DATABASE_URL. To move: `spaces backup DIR`, then, with it, `spaces restore DIR --data NEW`."
        )
        why = f"its database is {before.database}, and the settings name {database}"
        raise Fault(what=f"open the data folder {folder.parent}", why=why, then=then)


def stamp(folder: Path, database: str) -> None:
    """Say that this version has written here."""
    now = current(database)
    if written(folder) == now:
        return
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{FILE}-{uuid4().hex}"
    beside.write_text(json.dumps(asdict(now)))
    beside.chmod(0o640)
    beside.replace(folder / FILE)


def newer(what: str, found: str, known: str, by: str = "") -> Fault:
    """The one sentence of a version that is too old."""
    version_of = f"a newer version of the platform{f' ({by})' if by else ''}"
    return Fault(
        what=f"open {what}",
        why=f"it was written by {version_of}: {found}; this one knows {known}",
        then="Install that version again, or restore a backup from before the upgrade.",
    )
