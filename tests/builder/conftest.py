"""A store in a temporary folder, and builds in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from builder.artifact import Artifact
from builder.build import Build, ended, whole
from builder.environment import finish
from builder.result import Result
from builder.sources import Sources
from tests.builder.local_index import LocalIndex

README = "---\ntitle: Hello\nsdk: gradio\nsdk_version: 6.31.0\n---\n"
NOWHERE = "http://127.0.0.1:9/simple"


@dataclass
class Store:
    """Builds in one data folder; each is a build of its own, later ones know the earlier."""

    root: Path
    index: LocalIndex
    builds: int = 0
    previous: tuple[Path, ...] = ()

    def plan(self, files: Mapping[str, str] | None = None, **changes: object) -> Build:
        """A checked-out revision with these files."""
        self.builds += 1
        out = self.root / "builds" / str(self.builds)
        code = out / "code"
        for path, text in {"README.md": README, "app.py": "", **(files or {})}.items():
            (code / path).parent.mkdir(parents=True, exist_ok=True)
            (code / path).write_text(text)
        build = Build(
            code=code,
            out=out,
            **{name: self.root / name for name in ("envs", "cache", "wheels", "bases", "locks")},
            own=self.root / "own" / "space",
            revision=f"{self.builds:040x}",
            previous=self.previous,
            sources=Sources(index=self.index.url),
        )
        self.previous = (out, *self.previous)
        return replace(build, **changes)

    def build(self, files: Mapping[str, str] | None = None, **changes: object) -> Artifact:
        """Must succeed."""
        return whole(self.plan(files, **changes))

    def failed(self, files: Mapping[str, str] | None = None, **changes: object) -> Result:
        """Must not."""
        build = self.plan(files, **changes)
        result = ended(lambda: whole(build))
        assert result is not None
        assert result.artifact is None
        return result

    def finish(self, artifact: Artifact) -> None:
        """What comes while the app runs."""
        app = Path(artifact.code) / "app.py"
        finish(Path(artifact.location), self.root / "cache", app=str(app), processes=2)

    @property
    def environments(self) -> list[Path]:
        return [path for path in (self.root / "envs").iterdir() if not path.name.startswith(".")]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data", LocalIndex(tmp_path / "index"))
