"""Names that must not be mixed up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

UserId = NewType("UserId", str)
RepoId = NewType("RepoId", str)  # survives a rename of the repo
SpaceId = NewType("SpaceId", str)  # no repo's id: a branch preview or hosted inference is a Space too
RevisionId = NewType("RevisionId", str)  # full git commit id, 40 hex digits
InstanceId = NewType("InstanceId", str)
GatewayId = NewType("GatewayId", str)
Digest = NewType("Digest", str)  # sha256 of all an instance is started with, 64 hex digits
Sha256 = NewType("Sha256", str)  # names a blob, 64 hex digits


@dataclass(frozen=True, slots=True)
class BuildKey:
    """One build of one revision; a person who asks for a rebuild raises the counter."""

    revision: RevisionId
    rebuild: int = 0

    @property
    def short(self) -> str:
        """As people read it."""
        return self.revision[:7] + (f" (rebuild {self.rebuild})" if self.rebuild else "")
