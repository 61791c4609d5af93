"""The operator's own hardware: `[[hardware]]` in spaces.toml changes a tier that there is, or adds one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from spaces_runtime.domain.errors import Fault
from spaces_runtime.domain.hardware import Hardware
from spaces_runtime.domain.tiers import TIERS

UNITS: Final = {"": 1, "B": 1} | {
    f"{prefix}{suffix}": base ** (power + 1)
    for power, prefix in enumerate("KMGT")
    for suffix, base in (("iB", 1024), ("B", 1000))
}
SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
SIZES, NUMBERS, TEXTS = ("memory", "disk", "vram"), ("cpus", "gpus", "priority"), ("name", "title", "gpu")
NEEDED: Final = ("name", "cpus", "memory", "disk")
THEN: Final = 'Each has name, cpus, memory, disk ("16 GiB", or bytes) and, if any, gpus, gpu, vram, priority, title.'


def tiers(value: object, file: Path) -> tuple[Hardware, ...]:
    """All tiers there are, with these. value: straight from TOML.

    Raises:
        Fault: names the tier, the key, and what is wrong with it.
    """
    tables = value if isinstance(value, list) and all(isinstance(each, dict) for each in value) else None
    if tables is None:
        raise _wrong(file, "hardware", "it is not a list of tables; write [[hardware]]")
    found = {tier.name: tier for tier in TIERS}
    for table in tables:
        name = str(table.get("name", ""))
        if not NAME.fullmatch(name):
            raise _wrong(file, name or "hardware", "a name is small letters, digits, dots and dashes")
        given = {key: _read(file, name, key, told) for key, told in table.items()}
        before = asdict(found[name]) | {"never": ""} if name in found else {}
        if missing := [key for key in NEEDED if key not in given and key not in before]:
            raise _wrong(file, name, f"{_listed(missing)} missing")
        found[name] = _sound(file, Hardware(**before | given))
    return tuple(found.values())


def size_of(text: str) -> int | None:
    """Bytes from `16 GiB`, `512MiB`, `50 GB`; None: it is no size."""
    match = SIZE.fullmatch(text.strip())
    factor = UNITS.get(match[2]) if match else None
    return int(float(match[1]) * factor) if match and factor else None


def _read(file: Path, name: str, key: str, told: Any) -> Any:  # noqa: ANN401 - straight from TOML
    number = isinstance(told, (int, float)) and not isinstance(told, bool)
    if key in SIZES:
        size = told if isinstance(told, int) and number else size_of(told) if isinstance(told, str) else None
        if size is None or size < 0:
            raise _wrong(file, name, f"{key} is {told!r}, which is no size")
        return size
    if key in NUMBERS and number and told >= 0:
        return told
    if key in TEXTS and isinstance(told, str):
        return told
    raise _wrong(file, name, f"{key} is {told!r}" if key in (*NUMBERS, *TEXTS) else f"there is no {key}")


def _sound(file: Path, tier: Hardware) -> Hardware:
    if tier.cpus <= 0 or tier.memory <= 0 or tier.disk <= 0:
        raise _wrong(file, tier.name, "cpus, memory and disk are more than nothing")
    if tier.gpus > 1 and tier.gpus != round(tier.gpus):
        raise _wrong(file, tier.name, f"gpus is {tier.gpus:g}: whole devices, or a part of one below 1")
    if tier.priority != int(tier.priority):
        raise _wrong(file, tier.name, f"priority is {tier.priority:g}: a whole number")
    return tier


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words)} {'is' if len(words) == 1 else 'are'}"


def _wrong(file: Path, name: str, why: str) -> Fault:
    return Fault(what=f"read {file}", why=f"hardware {name}: {why}", then=THEN)
