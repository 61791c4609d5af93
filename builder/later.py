"""`python -m builder.later`: what an environment still lacks, made while apps run from it. Exit 0: it lacks nothing."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from builder.environment import finish
from builder.faults import BuildFailed

LAST = 19  # whatever else wants a processor comes first


def main() -> None:
    """Finish one environment."""
    parser = argparse.ArgumentParser(prog="builder.later", description=__doc__)
    for name in ("--env", "--cache"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--app", default="")
    parser.add_argument("--processes", type=int, default=2)
    told = parser.parse_args()
    os.nice(LAST)
    os.umask(0o022)
    try:
        finish(told.env, told.cache, app=told.app, processes=told.processes)
    except BuildFailed as failed:
        sys.exit(failed.why)
    except FileNotFoundError:
        if told.env.is_dir():
            raise
        sys.exit("The environment was removed meanwhile.")


if __name__ == "__main__":
    main()
