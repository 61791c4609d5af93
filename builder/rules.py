"""What each key of a Space's front matter may hold: one table. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from packaging.version import InvalidVersion, Version

from builder.faults import ConfigError, shown
from builder.frontmatter import FILE, Entry
from builder.licenses import LICENSES

SDKS: Final = ("gradio", "docker", "static", "streamlit")
COLORS: Final = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
OLD_COLORS: Final = ("white", "black")  # old Spaces carry them
SCOPES: Final = tuple(
    """openid profile email read-billing read-memberships read-repos gated-repos contribute-repos write-repos
    manage-repos read-collections write-collections inference-api read-endpoints write-endpoints jobs webhooks
    write-discussions""".split()  # noqa: SIM905
)
HEADERS: Final = MappingProxyType(
    {
        "cross-origin-embedder-policy": ("unsafe-none", "require-corp", "credentialless"),
        "cross-origin-opener-policy": (
            *("unsafe-none", "same-origin-allow-popups", "same-origin", "noopener-allow-popups"),
        ),
        "cross-origin-resource-policy": ("same-site", "same-origin", "cross-origin"),
    }
)
REPO: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9_][\w.-]*)?")
COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_BASE = "[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*"
EMOJI: Final = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_BASE}(\u200d{_BASE})*")
_SECONDS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
LONGEST_OAUTH: Final = 43200  # minutes

Rule = Callable[[str, Entry], ConfigError | None]


def duration(text: str) -> float | None:
    """Seconds of `30m`, `1h`, `1h 30m`; None when it is none, or zero."""
    total, at = 0.0, 0
    for part in _SPAN.finditer(text.strip().lower()):
        unit = _SECONDS.get(part[2]) or _SECONDS.get(part[2].removesuffix("s")) or (86400 * (part[2] in ("d", "days")))
        if part.start() != at or not unit:
            return None
        total, at = total + float(part[1]) * unit, part.end()
    return total if at == len(text.strip()) and 0 < total < 10**9 else None


def _wrong(key: str, entry: Entry, *allowed: str) -> ConfigError:
    number = isinstance(entry.value, int | float) and not isinstance(entry.value, bool)
    seen = entry.text if number else shown(entry.value)
    return ConfigError(file=FILE, line=entry.line, found=f"{key} is {seen}", allowed=allowed)


def _text(key: str, entry: Entry) -> ConfigError | None:
    return None if entry.text else _wrong(key, entry, "text")


def _yes_or_no(key: str, entry: Entry) -> ConfigError | None:
    return None if isinstance(entry.value, bool) else _wrong(key, entry, "true", "false")


def _one_of(*allowed: str, tolerated: tuple[str, ...] = ()) -> Rule:
    def rule(key: str, entry: Entry) -> ConfigError | None:
        return None if entry.text in (*allowed, *tolerated) else _wrong(key, entry, *allowed)

    return rule


def _number(low: int, high: int) -> Rule:
    def rule(key: str, entry: Entry) -> ConfigError | None:
        whole = isinstance(entry.value, int) and not isinstance(entry.value, bool)
        if whole and low <= int(entry.text) <= high:
            return None
        return _wrong(key, entry, f"a whole number from {low} to {high}")

    return rule


def _emoji(key: str, entry: Entry) -> ConfigError | None:
    return None if EMOJI.fullmatch(entry.text) else _wrong(key, entry, "one emoji")


def _version(key: str, entry: Entry) -> ConfigError | None:
    try:
        Version(entry.text)
    except InvalidVersion:
        return _wrong(key, entry, 'a released version, such as "6.31.0"')
    return None


def _python(key: str, entry: Entry) -> ConfigError | None:
    fits = re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", entry.text)
    return None if fits else _wrong(key, entry, 'a version of Python such as "3.11" or "3.11.7"')


def _path(key: str, entry: Entry) -> ConfigError | None:
    parts = entry.text.split("/")
    if entry.text and not entry.text.startswith("/") and ".." not in parts and "\0" not in entry.text:
        return None
    return _wrong(key, entry, "the path of a file in this repo")


def _url_path(key: str, entry: Entry) -> ConfigError | None:
    return None if entry.text.startswith("/") else _wrong(key, entry, "a path that begins with /")


def _duration(key: str, entry: Entry) -> ConfigError | None:
    return None if duration(entry.text) else _wrong(key, entry, "a duration such as 30m or 1h")


def _items(key: str, entry: Entry, fits: Callable[[str], bool], *allowed: str) -> ConfigError | None:
    """A list whose items, taken as text, all fit."""
    if not isinstance(entry.value, list):
        return _wrong(key, entry, "a list of " + (allowed[0] if len(allowed) == 1 else "these: " + ", ".join(allowed)))
    for item, line in zip(entry.value, entry.lines, strict=True):
        if isinstance(item, list | dict) or item is None or not fits(str(item)):
            return ConfigError(file=FILE, line=line, found=f"{key} holds {shown(item)}", allowed=allowed)
    return None


def _texts(key: str, entry: Entry) -> ConfigError | None:
    return _items(key, entry, bool, "words")


def _repos(key: str, entry: Entry) -> ConfigError | None:
    return _items(key, entry, lambda item: REPO.fullmatch(item) is not None, "repo ids such as owner/name")


def _scopes(key: str, entry: Entry) -> ConfigError | None:
    return _items(key, entry, SCOPES.__contains__, *SCOPES)


def _organisations(key: str, entry: Entry) -> ConfigError | None:
    return _texts(key, entry) if isinstance(entry.value, list) else _text(key, entry)


def _preloads(item: str) -> bool:
    """Is it `repo`, `repo file1,file2` or `repo file1,file2 commit`?"""
    repo, files, commit, *more = (*item.split(), "", "", "")
    safe = all(name and not name.startswith(("/", "-")) and ".." not in name.split("/") for name in files.split(","))
    named = REPO.fullmatch(repo) is not None and (not files or safe)
    return named and (not commit or COMMIT.fullmatch(commit) is not None) and not any(more)


def _preload(key: str, entry: Entry) -> ConfigError | None:
    return _items(
        key, entry, _preloads, '"repo"', '"repo file1,file2"', '"repo file1,file2 <40 hex digits of a commit>"'
    )


def _headers(key: str, entry: Entry) -> ConfigError | None:
    if not isinstance(entry.value, dict):
        return _wrong(key, entry, *HEADERS)
    for (name, value), line in zip(entry.value.items(), entry.lines, strict=False):
        if name not in HEADERS:
            return ConfigError(file=FILE, line=line, found=f"{key} has {shown(name)}", allowed=tuple(HEADERS))
        if value not in HEADERS[name]:
            return ConfigError(file=FILE, line=line, found=f"{name} is {shown(value)}", allowed=HEADERS[name])
    return None


def license_rule(key: str, entry: Entry) -> ConfigError | None:
    """One identifier or several. The words before `must be one of` are what clients' tests look for."""
    values = entry.value if isinstance(entry.value, list) else [entry.value]
    bad = next((value for value in values if value not in LICENSES), None)
    if bad is None and values:
        return None
    found = f"{key} is {shown(bad)}"
    return ConfigError(file=FILE, line=entry.line, found=found, then=f'"{key}" must be one of [{", ".join(LICENSES)}].')


CONFIG_KEYS: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "title": _text,
        "emoji": _emoji,
        "colorFrom": _one_of(*COLORS, tolerated=OLD_COLORS),
        "colorTo": _one_of(*COLORS, tolerated=OLD_COLORS),
        "sdk": _one_of(*SDKS),
        "sdk_version": _version,
        "python_version": _python,
        "app_file": _path,
        "app_build_command": _text,
        "app_port": _number(1, 65535),
        "base_path": _url_path,
        "fullWidth": _yes_or_no,
        "header": _one_of("default", "mini"),
        "short_description": _text,
        "suggested_hardware": _text,
        "suggested_storage": _one_of("small", "medium", "large"),
        "models": _repos,
        "datasets": _repos,
        "tags": _texts,
        "thumbnail": _text,
        "pinned": _yes_or_no,
        "license": license_rule,
        "disable_embedding": _yes_or_no,
        "startup_duration_timeout": _duration,
        "custom_headers": _headers,
        "preload_from_hub": _preload,
        "hf_oauth": _yes_or_no,
        "hf_oauth_scopes": _scopes,
        "hf_oauth_expiration_minutes": _number(1, LONGEST_OAUTH),
        "hf_oauth_authorized_org": _organisations,
    }
)


def check(entries: Mapping[str, Entry]) -> tuple[ConfigError, ...]:
    """Every wrong value, in the order of the file. A key left empty counts as absent."""
    found = (CONFIG_KEYS[key](key, e) for key, e in entries.items() if key in CONFIG_KEYS and e.value is not None)
    return tuple(error for error in found if error is not None)


def warnings(entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """What works, but not as its author may think."""
    told: list[str] = []
    sdk = entries["sdk"].text if "sdk" in entries else ""
    for key, entry in entries.items():
        place = f"{FILE} line {entry.line}"
        if entry.value is None:
            told.append(f"{place}: {key} is empty, and counts as absent.")
        elif key in ("colorFrom", "colorTo") and entry.text in OLD_COLORS:
            told.append(f"{place}: {key} is {shown(entry.text)}, an old colour. Better: {', '.join(COLORS)}.")
        elif key == "suggested_storage":
            told.append(f"{place}: {key} is no longer used.")
        elif key == "app_port" and sdk != "docker":
            told.append(f"{place}: {key} counts for sdk: docker only; {sdk or 'this sdk'} has its own port.")
        elif key == "app_build_command" and sdk != "static":
            told.append(f"{place}: {key} counts for sdk: static only.")
        elif key == "sdk" and sdk == "streamlit":
            told.append(f"{place}: streamlit is a legacy sdk; it still runs here.")
    return tuple(told)
