"""Reads the settings: spaces.toml < environment SPACES_*, DATABASE_URL, REDIS_URL < flags; and where each came from.

The two addresses hold passwords; DATABASE_URL_FILE and REDIS_URL_FILE name files that hold them instead.
"""

from __future__ import annotations

import json
import os
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from spaces_runtime.cli.tiers import tiers
from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.layout import Layout
from spaces_runtime.domain.settings import ENGINES, Settings

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings, and where each came from: dotted name → "default", a file, a variable or "flag"."""

    settings: Settings
    origin: Mapping[str, str]


def default_data() -> Path:
    """The data folder when none is named: the system's for root, else the person's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/spaces")
    return Path(os.environ.get("XDG_DATA_HOME", str(Path.home() / ".local/share"))) / "spaces"


FLAGS_OF_UP = ("port", "public_url", "trust_spaces", "engine")  # what `spaces up` may be told for one run
COMMON = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}  # as other programs call them; SPACES_… wins
TOLD = "flags.json"  # in Layout.run, while it runs: other commands speak of the same platform


def load(
    data: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str] | None = None, *, anew: bool = False
) -> Effective:
    """Read them all. flags: dotted name → value, None for not given. anew: by `spaces up`, which no other run tells.

    Raises: Fault naming the key, what was found and what is allowed.
    """
    environ = os.environ if environ is None else environ
    folder = (data or Path(environ.get("SPACES_DATA", "") or default_data())).expanduser().resolve()
    file = folder / "spaces.toml"
    told, origin = _from_file(file)
    for name, value in ({} if anew else _of_running(folder)).items():
        told[name], origin[name] = value, "the running platform"
    for name, kind in _keys(Settings).items():
        variable = "SPACES_" + name.upper().replace(".", "_")
        if variable not in environ and name in COMMON:
            variable = COMMON[name]
        if variable in environ and name not in ("data", "hardware"):
            told[name], origin[name] = _parsed(environ[variable], kind, variable), variable
        elif name in COMMON and (path := environ.get(f"{COMMON[name]}_FILE")):
            told[name], origin[name] = _of_secret(Path(path), f"{COMMON[name]}_FILE"), path
        if flags.get(name) is not None:
            told[name], origin[name] = flags[name], "flag"
    _known_engine(told.get("engine", ENGINES[0]), origin.get("engine", "default"))
    told["data"] = folder
    origin["data"] = "flag" if data else "SPACES_DATA" if environ.get("SPACES_DATA") else "default"
    return Effective(_sound(_built(told)), {name: origin.get(name, "default") for name in _keys(Settings)})


def _sound(settings: Settings) -> Settings:
    """What no single setting can say.

    Raises:
        Fault: the tier that Spaces get unasked is none.
    """
    names = [tier.name for tier in settings.hardware]
    if settings.default_hardware not in names:
        why = f"default_hardware is {settings.default_hardware!r}, which is no tier"
        raise Fault(what="read the settings", why=why, then=f"There is {', '.join(names)}.")
    return settings


def _known_engine(name: str, origin: str) -> None:
    if name not in ENGINES:
        raise Fault(what=f"use the engine {name!r} ({origin})", why=f"there are {' and '.join(ENGINES)} only")


def shown(effective: Effective) -> list[tuple[str, str, str]]:
    """Rows of name, value, origin; addresses of databases without their passwords."""
    rows = []
    for name in _keys(Settings):
        value: Any = effective.settings
        for part in name.split("."):
            value = getattr(value, part)
        if name == "hardware":
            value = ", ".join(tier.name for tier in effective.settings.hardware)
        elif name in ("database_url", "redis_url") and "@" in str(value):
            scheme, _, rest = str(value).partition("://")
            value = f"{scheme}://***@{rest.rpartition('@')[2]}"
        rows.append((name, str(value), effective.origin[name]))
    return rows


def tell(settings: Settings) -> None:
    """Let other commands know what this run was told by flags."""
    told = {name: getattr(settings, name) for name in FLAGS_OF_UP}
    (Layout(settings.data).run / TOLD).write_text(json.dumps(told))


def untell(settings: Settings) -> None:
    """The run is over."""
    (Layout(settings.data).run / TOLD).unlink(missing_ok=True)


def _of_running(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((Layout(folder).run / TOLD).read_text())
    except (OSError, ValueError):
        return {}
    return {name: told[name] for name in FLAGS_OF_UP if name in told}


def _keys(cls: type, prefix: str = "") -> dict[str, Any]:
    """Dotted name → type, sections flattened."""
    hints = typing.get_type_hints(cls)
    found: dict[str, Any] = {}
    for field in fields(cls):
        kind = hints[field.name]
        if is_dataclass(kind) and isinstance(kind, type):
            found |= _keys(kind, f"{prefix}{field.name}.")
        else:
            found[prefix + field.name] = kind
    return found


def _from_file(file: Path) -> tuple[dict[str, Any], dict[str, str]]:
    if not file.exists():
        return {}, {}
    try:
        table = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise Fault(what=f"read {file}", why=str(error), then="Mend the file and start again.") from error
    told: dict[str, Any] = {}
    known = _keys(Settings)
    for name, value in _flat(table).items():
        if name not in known or name == "data":
            raise Fault(what=f"read {file}", why=f'"{name}" is not a setting', then="`spaces config` lists them all.")
        told[name] = tiers(value, file) if name == "hardware" else _checked(value, known[name], f"{file}: {name}")
    return told, {name: str(file) for name in told}


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def _of_secret(file: Path, variable: str) -> str:
    """The one line of a file that a container is lent."""
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Fault(what=f"read {file}, which {variable} names", why=error.strerror or str(error)) from error


def _parsed(text: str, kind: Any, name: str) -> Any:  # noqa: ANN401 - kind is a type of any field
    """A variable's text as the field's type."""
    if kind is bool:
        if text.lower() not in TRUE + FALSE:
            raise Fault(what=f"read {name}", why=f'"{text}" is neither true nor false')
        return text.lower() in TRUE
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise Fault(what=f"read {name}", why=f'"{text}" is not a number') from None
    if typing.get_origin(kind) is tuple:
        return tuple(text.split())
    return text


def _checked(value: Any, kind: Any, name: str) -> Any:  # noqa: ANN401 - straight from TOML
    if typing.get_origin(kind) is tuple:
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Fault(what=f"read {name}", why=f"{value!r} is not of type {kind.__name__}")
    return value


def _built(told: Mapping[str, Any], cls: type = Settings, prefix: str = "") -> Any:  # noqa: ANN401 - cls decides
    hints = typing.get_type_hints(cls)
    given: dict[str, Any] = {}
    for field in fields(cls):
        kind, name = hints[field.name], prefix + field.name
        if is_dataclass(kind) and isinstance(kind, type):
            given[field.name] = _built(told, kind, f"{name}.")
        elif name in told:
            given[field.name] = told[name]
    return cls(**given)
