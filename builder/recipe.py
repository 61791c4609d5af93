"""A revision's settings and files → what to build. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import Final

from builder import rules
from builder.card import NO_BLOCK
from builder.faults import ConfigError, NoAppFile
from builder.frontmatter import FILE, Entry, FrontMatter, front_matter

GRADIO_PORT: Final = 7860
STREAMLIT_PORT: Final = 8501
NAMED: Final = 3  # files a sentence names
PATIENCE: Final = 1800.0  # seconds a Space has to answer, unless it asks for other


class Sdk(Enum):
    """What the app is made with; the value is the word in the front matter."""

    GRADIO = "gradio"
    DOCKER = "docker"
    STATIC = "static"
    STREAMLIT = "streamlit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preload:
    """A repo to fetch at build. files: empty is all; commit: empty is main. line: where it stands in the README."""

    repo: str
    files: tuple[str, ...] = ()
    commit: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All the builder goes by. Lines are those of the README, 0 when the key is absent.

    sdk_version, python_version: empty means ours. headers: custom_headers. frameable: other sites may frame it.
    start_deadline: seconds. warnings: whole sentences.
    """

    sdk: Sdk
    sdk_line: int = 0
    sdk_version: str = ""
    sdk_version_line: int = 0
    python_version: str = ""
    python_version_line: int = 0
    app_file: str
    build_command: str = ""
    port: int
    headers: tuple[tuple[str, str], ...] = ()
    frameable: bool = True
    start_deadline: float = PATIENCE
    preload: tuple[Preload, ...] = ()
    warnings: tuple[str, ...] = ()


def read_recipe(readme: str | None, files: Collection[str]) -> Recipe:
    """Settle all settings. readme: None when the repo has none. files: paths of all files in the repo.

    Raises: ConfigError, the first fault; NoAppFile.
    """
    if readme is None:
        raise ConfigError(file=FILE, found="the file is missing", then=NO_BLOCK)
    matter = front_matter(readme)
    faults = faults_of(matter)
    if faults:
        raise faults[0]
    recipe = _settle(matter.entries)
    missing = recipe.app_file not in files and not recipe.build_command and recipe.sdk is not Sdk.DOCKER
    if missing or (recipe.sdk is Sdk.DOCKER and "Dockerfile" not in files):
        raise NoAppFile(_nothing(recipe, files, "app_file" in matter.entries))
    return recipe


def faults_of(matter: FrontMatter) -> tuple[ConfigError, ...]:
    """All that is wrong with a Space's block, in the order of the file."""
    if not matter.present:
        return (ConfigError(file=FILE, line=1, found="the block of settings is missing", then=NO_BLOCK),)
    missing: tuple[ConfigError, ...] = ()
    if not matter.errors and ("sdk" not in matter.entries or matter.entries["sdk"].value is None):
        missing = (ConfigError(file=FILE, line=1, found="sdk is missing", allowed=rules.SDKS),)
    return (*matter.errors, *missing, *rules.check(matter.entries))


def _settle(entries: dict[str, Entry]) -> Recipe:
    def text(key: str, default: str = "") -> str:
        return entries[key].text if key in entries and entries[key].value is not None else default

    def line(key: str) -> int:
        return entries[key].line if key in entries else 0

    sdk = Sdk(text("sdk"))
    ports = {Sdk.STREAMLIT: STREAMLIT_PORT, Sdk.DOCKER: int(text("app_port", str(GRADIO_PORT)))}
    headers = entries["custom_headers"].value if "custom_headers" in entries else {}
    return Recipe(
        sdk=sdk,
        sdk_line=line("sdk"),
        sdk_version=text("sdk_version"),
        sdk_version_line=line("sdk_version"),
        python_version=text("python_version"),
        python_version_line=line("python_version"),
        app_file=str(PurePosixPath(text("app_file", "index.html" if sdk is Sdk.STATIC else "app.py"))),
        build_command=text("app_build_command") if sdk is Sdk.STATIC else "",
        port=ports.get(sdk, GRADIO_PORT),
        headers=tuple((k, str(v)) for k, v in headers.items()) if isinstance(headers, dict) else (),
        frameable=text("disable_embedding").lower() != "true",
        start_deadline=rules.duration(text("startup_duration_timeout")) or PATIENCE,
        preload=_preloads(entries.get("preload_from_hub")),
        warnings=rules.warnings(entries),
    )


def _preloads(entry: Entry | None) -> tuple[Preload, ...]:
    if entry is None or not isinstance(entry.value, list):
        return ()
    found = []
    for item, line in zip(entry.value, entry.lines, strict=True):
        repo, files, commit = (*str(item).split(), "", "")[:3]
        found.append(Preload(repo=repo, files=tuple(filter(None, files.split(","))), commit=commit, line=line))
    return tuple(found)


def _nothing(recipe: Recipe, files: Collection[str], named: bool) -> str:
    if recipe.sdk is Sdk.DOCKER:
        return "The repo has no Dockerfile. Add one, or choose another sdk in README.md."
    ending = PurePosixPath(recipe.app_file).suffix or ".py"
    others = sorted(f for f in files if f.endswith(ending) and "/" not in f)
    asks = f"README.md names {recipe.app_file}" if named else f"An app of sdk {recipe.sdk.value} is {recipe.app_file}"
    if not others:
        return f"{asks}; the repo has no such file. Add it and push."
    has = ", ".join(others[:NAMED]) + (" and others" if len(others) > NAMED else "")
    return f"{asks}; the repo has {has}. Rename the file, or set app_file: {others[0]}."
