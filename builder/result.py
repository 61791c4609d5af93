"""How a build ended, as it lies in result.json."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from builder.artifact import Artifact, ArtifactKind

FILE: Final = "result.json"


class End(Enum):
    """The value is the word in the file."""

    DONE = "done"
    FAILED = "failed"
    INVALID = "invalid"
    NO_APP = "no_app"
    UNBUILT = "unbuilt"  # sources have to be built in sandboxes of their own; then the build goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """artifact: of DONE. why: of the others, whole sentences; file and line: its place, as far as there is one.

    sources: of UNBUILT, the names of folders below `sources`.
    """

    end: End
    artifact: Artifact | None = None
    why: str = ""
    file: str = ""
    line: int = 0
    sources: tuple[str, ...] = ()

    def save(self, folder: Path) -> None:
        """Written whole or not at all."""
        told: dict[str, Any] = {"state": self.end.value}
        if self.artifact is not None:
            told["artifact"] = {**asdict(self.artifact), "kind": self.artifact.kind.value}
        else:
            told |= {"why": self.why, "file": self.file, "line": self.line, "sources": self.sources}
        new = folder / f".{FILE}"
        with new.open("w") as file:
            json.dump(told, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.rename(folder / FILE)


def load(folder: Path) -> Result | None:
    """None: the build never came to its end."""
    try:
        told = json.loads((folder / FILE).read_text())
        kept = told.pop("artifact", None)
        sources = tuple(map(str, told.pop("sources", ())))
        artifact = hear_artifact(kept) if kept else None
        return Result(end=End(told.pop("state")), artifact=artifact, sources=sources, **told)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def hear_artifact(kept: dict[str, Any]) -> Artifact:
    """From JSON. Raises: KeyError, ValueError, TypeError."""
    headers = tuple((str(name), str(value)) for name, value in kept.get("headers", ()))
    told = {"kind": ArtifactKind(kept["kind"]), "command": tuple(kept["command"]), "headers": headers}
    told["writable"] = tuple(map(str, kept.get("writable", ())))
    return Artifact(**{**kept, **told})
