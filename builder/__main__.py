"""`python -m builder REPO_DIR`: a Space's repo built by hand; see builder/command_line.py.

`python -m builder --code ...`: one build of a platform's. Progress on standard output, its outcome in OUT/result.json;
exit 0: it is there.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from builder.build import Build, ended, whole
from builder.progress import say
from builder.result import End
from builder.sources import Sources

FOLDERS: Final = ("code", "out", "envs", "cache", "wheels", "bases", "locks", "own")


def arguments() -> argparse.ArgumentParser:
    """The command line; see Build for the meaning."""
    parser = argparse.ArgumentParser(prog="builder", description=__doc__)
    for name in FOLDERS:
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--previous", type=Path, action="append", default=[])
    parser.add_argument("--revision", default="")
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--accelerator", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--hub", default="")
    parser.add_argument("--index", default="")
    parser.add_argument("--extra-index", action="append", default=[])
    parser.add_argument("--find-links", action="append", default=[])
    parser.add_argument("--ca", default="")
    parser.add_argument("--host", action="append", default=[])
    return parser


def main() -> None:
    """By hand, unless folders are named."""
    if any(word.partition("=")[0] == "--code" for word in sys.argv[1:]):
        platform()
    else:
        from builder.command_line import main as by_hand  # what a platform's builds do not need takes its time to load

        by_hand(sys.argv[1:])


def platform() -> None:
    """Build, and say how it went."""
    told = arguments().parse_args()
    begun = time.monotonic()
    os.umask(0o002)  # the scheduler, of the same group, deletes what a build leaves
    told.out.mkdir(parents=True, exist_ok=True)
    build = Build(
        **{name: getattr(told, name).resolve() for name in FOLDERS},
        **{name: getattr(told, name) for name in ("revision", "afresh", "accelerator", "hub")},
        previous=tuple(folder.resolve() for folder in told.previous),
        sources=Sources(
            index=told.index,
            extra=tuple(told.extra_index),
            links=tuple(told.find_links),
            ca=told.ca,
            hosts=tuple(told.host),
        ),
        search=os.environ.get("PATH", ""),
    )
    result = ended(lambda: whole(build))
    if result is None:
        sys.exit("The build has no outcome.")
    result.save(build.out)
    if result.end is End.UNBUILT:
        return
    took = time.monotonic() - begun
    say(f"Built in {took:.1f} s." if result.end is End.DONE else f"Failed after {took:.1f} s: {result.why}")


if __name__ == "__main__":
    main()
