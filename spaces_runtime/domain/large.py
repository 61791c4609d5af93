"""Which files of a repo are stored as LFS content. Pure, but for the matching of patterns."""

from __future__ import annotations

from collections.abc import Sequence

from pathspec import GitIgnoreSpec


def lfs_rules(attributes: str) -> tuple[tuple[GitIgnoreSpec, bool], ...]:
    """The lines of a .gitattributes that speak of LFS, last first: the first that matches a path decides."""
    rules = []
    for line in attributes.splitlines():
        pattern, *words = line.split() or [""]
        if not pattern or pattern.startswith("#"):
            continue
        if "filter=lfs" in words:
            rules.append((_spec(pattern), True))
        elif any(word in ("-filter", "!filter") or word.startswith("filter=") for word in words):
            rules.append((_spec(pattern), False))
    return tuple(reversed(rules))


def by_rule(rules: Sequence[tuple[GitIgnoreSpec, bool]], path: str) -> bool:
    """What the repo's own rules say of a path."""
    return next((large for spec, large in rules if spec.match_file(path)), False)


def is_binary(sample: bytes, *, whole: bool) -> bool:
    """By a file's first bytes. whole: they are all of it; else the last character may be cut."""
    if b"\0" in sample:
        return True
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return whole or error.reason != "unexpected end of data" or error.end < len(sample)
    return False


def _spec(pattern: str) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines([pattern.strip('"')])
