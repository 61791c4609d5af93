"""Which paths a repo may hold."""

from __future__ import annotations

from spaces_runtime.domain.errors import Invalid

LONGEST_NAME = 255  # bytes, of most file systems
LONGEST_PATH = 4096
# Letters that some file systems leave out of names: `.g\u200cit` would be the folder .git there.
UNSEEN = dict.fromkeys((*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))


def checked(path: str) -> str:
    """The path of a file in a repo, as git would write it.

    Raises: Invalid for what would leave the folder it is checked out into, or cannot be checked out at all.
    """
    parts = path.split("/")
    if fault := _fault(path, parts):
        raise Invalid(what=f"write {path!r}", why=f"the path {fault}", then="Use a relative path with / between names.")
    return path


def _fault(path: str, parts: list[str]) -> str:
    if not path or "" in parts:
        return "is empty, or starts or ends with /, or has // in it"
    if "." in parts or ".." in parts:
        return "has . or .. in it"
    if "\\" in path or any(ord(character) < 32 or ord(character) == 127 for character in path):  # noqa: PLR2004
        return "has a backslash or a control character in it"
    if any("\ud800" <= character <= "\udfff" for character in path):
        return "is not valid Unicode"
    if any(_is_git(part) for part in parts):
        return "has a folder .git in it"
    if len(path.encode()) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} bytes"
    if any(len(part.encode()) > LONGEST_NAME for part in parts):
        return f"has a name longer than {LONGEST_NAME} bytes"
    return ""


def name_fault(name: bytes) -> str:
    """Why a file or folder that is pushed may not be called so; empty: it may. Git itself has looked for .. and .git.

    What cannot be written in an address could be neither listed, downloaded nor deleted.
    """
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    if any(ord(character) < 32 or ord(character) == 127 for character in text):  # noqa: PLR2004
        return "has a control character in it"
    return f"is longer than {LONGEST_NAME} bytes" if len(name) > LONGEST_NAME else ""


def _is_git(name: str) -> bool:
    """Whether any file system could take it for git's own folder."""
    seen = name.translate(UNSEEN).lower()
    return seen.partition(":")[0].rstrip(" .") in (".git", "git~1")
