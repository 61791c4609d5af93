"""The command line of a build by hand: progress on standard error, the result on standard output.

Exit status 1 and one sentence for whatever is wrong with the repo, the machine, the engine or a registry.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.by_hand import Wanted, imaged, opened, prepared, store
from builder.explain import explained
from builder.faults import BuildFailed, ConfigError, NoAppFile
from builder.sources import pip_sources

FULL: Final = (errno.ENOSPC, errno.EDQUOT)
STOPPED: Final = 130  # exit status after Ctrl-C, as a shell gives it
EPILOG: Final = """examples:
  python -m builder ~/hello --image hello && docker run --rm -p 7860:7860 hello
  python -m builder ~/hello --image localhost:5000/hello:1 --push
  python -m builder ~/hello --env
  python -m builder ~/hello --explain
"""


def arguments() -> argparse.ArgumentParser:
    """Of a build by hand."""
    parser = argparse.ArgumentParser(
        prog="python -m builder",
        description="Build the repo of a Space: gradio, streamlit, static or docker. No platform is needed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("repo", type=Path, metavar="REPO_DIR")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--image", metavar="TAG", help="build an image, and print its digest")
    what.add_argument("--env", action="store_true", help="prepare the environment only, and print its folder")
    what.add_argument("--explain", action="store_true", help="print the recipe, and build nothing")
    parser.add_argument("--push", action="store_true", help="push the image to the registry that TAG names")
    parser.add_argument("--base", default="", metavar="IMAGE", help="stand on this image; else on one made here")
    parser.add_argument(
        "--store", type=Path, default=store(), metavar="DIR", help="kept for later builds (%(default)s)"
    )
    parser.add_argument("--engine", default=os.environ.get("DOCKER_HOST", ""), help="address of the container engine")
    parser.add_argument("--afresh", action="store_true", help="look for newer versions; build each step again")
    parser.add_argument("--accelerator", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--hub", default=os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    parser.add_argument("--index", default="", help="package index; else what pip uses here")
    parser.add_argument("--find-links", action="append", default=[], metavar="PLACE")
    parser.add_argument(
        "--variable", action="append", default=[], metavar="NAME=VALUE", help="argument of a Dockerfile"
    )
    parser.add_argument("--secret", action="append", default=[], metavar="NAME=FILE", help="secret of a Dockerfile")
    return parser


def main(words: Sequence[str]) -> None:
    """Build, and exit."""
    told = arguments().parse_args(words)
    os.umask(0o022)
    try:
        with redirect_stdout(sys.stderr):
            result = _result(told)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except (BuildFailed, ConfigError, NoAppFile) as fault:
        sys.exit(str(fault))
    except OSError as error:
        if error.errno in FULL:
            sys.exit(f"The disk is full: {told.store} keeps what builds share. Make room, and build again.")
        sys.exit(f"{error.filename or told.repo}: {error.strerror or error}.")
    sys.stdout.write(result + "\n")


def _result(told: argparse.Namespace) -> str:
    wanted = _wanted(told)
    if told.explain:
        with opened(wanted) as build:
            return explained(build, wanted.base, wanted.engine)
    if told.env:
        return prepared(wanted).location
    return imaged(wanted, told.image)


def _wanted(told: argparse.Namespace) -> Wanted:
    known = pip_sources(os.environ)
    sources = replace(known, index=told.index or known.index, links=(*known.links, *told.find_links))
    return Wanted(
        repo=told.repo,
        store=told.store,
        sources=sources,
        base=told.base,
        engine=told.engine,
        push=told.push,
        afresh=told.afresh,
        accelerator=told.accelerator,
        hub=told.hub,
        variables=tuple(_pair(each, "--variable") for each in told.variable),
        secrets=tuple((name, _content(at)) for name, at in (_pair(each, "--secret") for each in told.secret)),
    )


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise BuildFailed(f"{flag} {text}: it is written NAME=VALUE.")
    return name, value


def _content(place: str) -> str:
    return Path(place).read_text()
