"""`python -m builder.image.job`: what a platform's node runs to make an image of a stranger's repo.

It alone may open the engine's socket. Progress on standard output, its outcome in MADE/image.json; exit 0: it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from builder.artifact import ArtifactKind
from builder.faults import BuildFailed, ConfigError, EngineAway, NoAppFile
from builder.frontmatter import FILE as README
from builder.guard import Guard
from builder.image.base import name, ready
from builder.image.cli import find
from builder.image.debian import Wish, with_packages
from builder.image.dockerfile import Built, Order, build
from builder.image.engine import Engine
from builder.image.instructions import FILE
from builder.image.registry import push
from builder.image.screen import screen
from builder.image.space import Sum
from builder.image.space import image as of_layers
from builder.image.taken import Shelf, context_with, fetched
from builder.packages import FILE as PACKAGES
from builder.packages import parse
from builder.progress import say
from builder.recipe import read_recipe
from builder.result import hear_artifact
from builder.sources import Sources
from builder.tree import Tree
from builder.way import way

OUTCOME: Final = "image.json"
CONTEXT: Final = "context"
PREFIX: Final = "SECRET_"  # of a secret's name: the variable of this process that has its value
OWN: Final = re.compile(r"BUILDKIT_\w+", re.IGNORECASE)  # build arguments that BuildKit takes for its own settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """image: empty: there is none, and `fault` says why; file, line: its place. away: the engine does not answer."""

    image: str = ""
    writable: tuple[str, ...] = ()
    fault: str = ""
    file: str = ""
    line: int = 0
    away: bool = False

    def save(self, folder: Path) -> None:
        """Written whole or not at all."""
        new = folder / f".{OUTCOME}"
        new.write_text(json.dumps(asdict(self)))
        new.rename(folder / OUTCOME)


def load(folder: Path) -> Outcome | None:
    """None: the job never came to its end."""
    try:
        told = json.loads((folder / OUTCOME).read_text())
        return Outcome(**{**told, "writable": tuple(map(str, told["writable"]))})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def arguments() -> argparse.ArgumentParser:
    """The command line; see Order for the meaning."""
    parser = argparse.ArgumentParser(prog="builder.image.job", description=__doc__)
    parser.add_argument("--code", type=Path, required=True)
    parser.add_argument("--made", type=Path, required=True)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--apart", required=True)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--disk", type=int, default=0)
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--no-look", action="store_true")
    parser.add_argument("--artifact", default="")
    parser.add_argument("--push", default="")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--packages", action="store_true")
    parser.add_argument("--base", default="")
    parser.add_argument("--registry", default="")
    for each in ("--label", "--variable", "--host"):
        parser.add_argument(each, action="append", default=[])
    return parser


def of_dockerfile(told: argparse.Namespace, secrets: dict[str, str]) -> Built:
    """Screened, then built. Raises: BuildFailed, EngineAway, ConfigError, NoAppFile."""
    tree = Tree(told.code)
    recipe = read_recipe(tree.read(README), tree.files())
    text = tree.read(FILE) or ""
    named = dict(each.split("=", 1) for each in told.variable)
    variables = {name: value for name, value in named.items() if not OWN.fullmatch(name)}
    screened = screen(text, variables)
    _tell(screened.syntax, sorted(set(named) - set(variables)))
    engine = Engine(told.engine)
    cli = find(os.environ.get("PATH", ""), told.engine)
    hosts = tuple(told.host)
    sources = Sources(hosts=hosts)
    shelf = Shelf(engine=engine, cli=cli, seconds=told.seconds, afresh=told.afresh, registry=told.registry, hosts=hosts)
    folder = told.code
    if screened.fetches:
        folder = context_with(told.code, told.made / CONTEXT)
        with Guard(way(sources, "", os.environ)) as guard:
            fetched(screened.fetches, folder, sources, guard, told.disk)
    with shelf.pinned(text, screened.bases) as pins:
        order = Order(
            folder=folder,
            port=recipe.port,
            variables=variables,
            secrets=secrets,
            labels=_labels(told),
            seconds=told.seconds,
            tag=told.tag,
            afresh=told.afresh,
            text=screen(text, variables, pins).text,
            apart=told.apart,
            look=not told.no_look,
        )
        return build(order, engine, cli)


def of_packages(told: argparse.Namespace) -> Built:
    """The base with the repo's packages.txt. Raises: BuildFailed, EngineAway."""
    wanted = parse(Tree(told.code).read(PACKAGES) or "")
    engine = Engine(told.engine)
    below = ready(engine, told.base, told.registry)
    wish = Wish(
        base=told.base or name(),
        identity=below.id,
        wanted=wanted,
        seconds=told.seconds,
        labels=_labels(told),
        apart=told.apart,
    )
    return Built(image=with_packages(engine, find(os.environ.get("PATH", ""), told.engine), wish).id, writable=())


def of_artifact(told: argparse.Namespace) -> Built:
    """What a build has made, as an image in the registry. Raises: BuildFailed, EngineAway."""
    artifact = hear_artifact(json.loads(told.artifact))
    engine = Engine(told.engine)
    image = artifact.location
    if artifact.kind is not ArtifactKind.IMAGE:
        below = engine.image(artifact.image) if artifact.image else None
        whole = Sum(base=below or ready(engine, told.base), cache=told.cache, labels=_labels(told))
        image = of_layers(engine, artifact, whole)
    push(engine, image, told.push)
    return Built(image=image, writable=artifact.writable)


def _labels(told: argparse.Namespace) -> dict[str, str]:
    return dict(each.split("=", 1) for each in told.label)


def _made(told: argparse.Namespace, secrets: dict[str, str]) -> Built:
    return of_packages(told) if told.packages else of_dockerfile(told, secrets)


def _tell(syntax: str, refused: list[str]) -> None:
    if syntax:
        say(f"Note: the line # syntax={syntax} is not followed; the engine's own BuildKit reads the Dockerfile.")
    for each in refused:
        say(f"Note: {each} is a setting of BuildKit's own and no build argument here.")


def main() -> None:
    """Make it, and say how it went."""
    secrets = {name.removeprefix(PREFIX): os.environ.pop(name) for name in tuple(os.environ) if name.startswith(PREFIX)}
    told = arguments().parse_args()
    os.umask(0o002)  # the scheduler, of the same group, deletes what a build leaves
    try:
        built = of_artifact(told) if told.artifact else _made(told, secrets)
        outcome = Outcome(image=built.image, writable=built.writable)
    except EngineAway as away:
        outcome = Outcome(fault=away.why, away=True)
    except BuildFailed as failed:
        outcome = Outcome(fault=failed.why, file=failed.file, line=failed.line)
    except (ConfigError, NoAppFile) as error:
        outcome = Outcome(fault=str(error))
    if told.artifact:
        say(f"Note: {outcome.fault}" if outcome.fault else "Pushed.")
    else:
        say(f"Failed: {outcome.fault}" if outcome.fault else "Built.")
    outcome.save(told.made)


if __name__ == "__main__":
    main()
