"""Names, paths, pointers, tickets, and which files are large: the rules of content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces_runtime.domain.errors import Fault, Invalid
from spaces_runtime.domain.ids import Sha256
from spaces_runtime.domain.large import by_rule, is_binary, lfs_rules
from spaces_runtime.domain.naming import checked_name, checked_namespace
from spaces_runtime.domain.operations.repos import LARGE
from spaces_runtime.domain.paths import checked
from spaces_runtime.domain.pointers import SMALL, pointer, pointer_bytes
from spaces_runtime.domain.tickets import Use, check, issue

KEY, OTHER = b"k" * 32, b"o" * 32
NAME = Sha256("0123456789abcdef" * 4)


@pytest.mark.parametrize("name", ["a", "Bert-base_uncased", "v1.5", "_x_", "0", "a" * 96])
def test_names_that_are_fine(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", ".a", "a.", "a b", "a/b", "ä", "a--b", "a..b", "x.git", "x.ipynb", "a" * 97, "a\n"]
)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(Fault):
        checked_name(name)


@pytest.mark.parametrize("name", ["api", "Spaces", "datasets", "settings", "xet", "internal"])
def test_namespaces_where_our_own_pages_are(name: str) -> None:
    with pytest.raises(Fault, match="the hub's own pages"):
        checked_namespace(name)


@pytest.mark.parametrize("path", ["a", "a/b.txt", ".gitattributes", ".github/x", "ä/ü", "a b/c", "...", "x" * 255])
def test_paths_that_are_fine(path: str) -> None:
    assert checked(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "a\\b", "a\0b", "a\nb", "\x7f"),
        *(".git", "a/.GIT/b", ".git. /x", "x" * 256, "a/" * 2100 + "a"),
    ],
)
def test_paths_that_are_not(path: str) -> None:
    with pytest.raises(Invalid):
        checked(path)


@given(size=st.integers(0, 10**17))
def test_a_pointer_is_read_as_it_was_written(size: int) -> None:
    written = pointer_bytes(NAME, size)
    read = pointer(written)
    assert read is not None
    assert (read.sha256, read.size, read.pointer_size) == (NAME, size, len(written))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\n",
        pointer_bytes(NAME, 1) + b"more\n",
        b"# " + pointer_bytes(NAME, 1),
        pointer_bytes(NAME, 1).replace(b"sha256", b"sha1"),
        b"version https://git-lfs.github.com/spec/v1\n" + b"x-a b\n" * SMALL,
    ],
)
def test_what_only_looks_like_a_pointer(content: bytes) -> None:
    assert pointer(content) is None


def test_a_ticket_is_good_for_its_use_until_it_expires() -> None:
    ticket = issue(Use.LFS_UPLOAD, "repo", NAME, 12, expires=100, key=KEY)
    assert check(ticket, Use.LFS_UPLOAD, now=99, key=KEY) == ("repo", NAME, "12")
    assert check(ticket, Use.LFS_UPLOAD, now=100, key=KEY) is None
    assert check(ticket, Use.LFS_DOWNLOAD, now=99, key=KEY) is None
    assert check(ticket, Use.LFS_UPLOAD, now=99, key=OTHER) is None


@given(at=st.integers(0, 200), letter=st.sampled_from("Aa0.-"))
def test_a_ticket_with_one_letter_changed_is_none(at: int, letter: str) -> None:
    ticket = issue(Use.XET, "repo", "user", "write", expires=100, key=KEY)
    at %= len(ticket)
    forged = ticket[:at] + letter + ticket[at + 1 :]
    assert forged == ticket or check(forged, Use.XET, now=1, key=KEY) is None


@pytest.mark.parametrize("ticket", ["", ".", "x", "a.b", "." * 2000, "ä.ö"])
def test_what_is_no_ticket(ticket: str) -> None:
    assert check(ticket, Use.XET, now=1, key=KEY) is None


RULES = lfs_rules("".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE))


@pytest.mark.parametrize(
    "path", ["model.safetensors", "a/b/x.bin", "saved_model/a/b", "run/events.tfevents.1", "x.tar.gz"]
)
def test_what_a_new_repo_keeps_as_large_content(path: str) -> None:
    assert by_rule(RULES, path)


@pytest.mark.parametrize("path", ["app.py", "README.md", "config.json", "binary", "x.bin.txt"])
def test_what_it_keeps_as_text(path: str) -> None:
    assert not by_rule(RULES, path)


def test_the_last_rule_that_matches_decides() -> None:
    rules = lfs_rules('# comment\n\n*.bin filter=lfs\nsmall/*.bin -filter\n"odd.bin" filter=other\n*.x text\n')
    assert by_rule(rules, "a.bin")
    assert not by_rule(rules, "small/a.bin")
    assert not by_rule(rules, "odd.bin")
    assert not by_rule(rules, "a.x")


@pytest.mark.parametrize(
    ("sample", "whole", "binary"),
    [
        (b"", True, False),
        (b"text", True, False),
        (b"a\0b", True, True),
        ("ä".encode()[:1], False, False),
        ("ä".encode()[:1], True, True),
        (b"\xff\xfe", False, True),
        (b"\xe4 umlaut", False, True),
    ],
)
def test_what_a_sample_tells(sample: bytes, whole: bool, binary: bool) -> None:
    assert is_binary(sample, whole=whole) is binary
