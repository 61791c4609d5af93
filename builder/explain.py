"""What a build would do, for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from builder import environment
from builder.build import STREAMLIT, Build
from builder.environment import UNCOMPILED
from builder.faults import BuildFailed
from builder.image import base as bases
from builder.image.engine import Engine
from builder.image.instructions import FILE, instructions
from builder.image.parts import SERVER
from builder.progress import count
from builder.recipe import Sdk


def explained(build: Build, base: str, engine: str) -> str:
    """One line for each thing that is settled. base: an image's name; empty: ours. Raises: as reading a recipe does."""
    return "\n".join(f"{name:<11}{told}" for name, told in _lines(build, base, engine))


def _lines(build: Build, base: str, engine: str) -> Iterator[tuple[str, str]]:
    recipe = build.recipe
    yield "sdk", f"{recipe.sdk.value} {recipe.sdk_version}".strip()
    if recipe.sdk is Sdk.DOCKER:
        yield from _of_dockerfile(build)
    elif recipe.sdk is Sdk.STATIC:
        yield "files", f"{recipe.app_file} is the index"
        if recipe.build_command:
            yield "command", f"{recipe.build_command}   (makes the files; in a sandbox without a network)"
        yield "server", f"python3 {SERVER} /app"
        yield "port", str(recipe.port)
        yield "base", _base(base, engine)
        yield "layers", "base · server of files · files"
    else:
        yield from _of_environment(build, base, engine)
    for warning in recipe.warnings:
        yield "note", warning


def _of_dockerfile(build: Build) -> Iterator[tuple[str, str]]:
    text = build.tree.read(FILE) or ""
    for each in instructions(text):
        if each.word == "FROM":
            yield "base", f"{each.text.split(maxsplit=1)[-1]}   ({FILE} line {each.line})"
    yield "port", str(build.recipe.port)
    yield "would", f"have BuildKit build the {FILE}: {count(len(instructions(text)), 'instruction')}"


def _of_environment(build: Build, base: str, engine: str) -> Iterator[tuple[str, str]]:
    recipe, python = build.recipe, build.python
    yield "python", f"{python.version}   ({python.path})"
    for text in build.wanted.platform:
        yield "package", text
    for ask in build.wanted.asks:
        if ask.text not in build.wanted.platform:
            yield "package", f"{ask.text}   ({ask.place})"
    for name in build.debian.names:
        yield "debian", name
    for repo in recipe.preload:
        yield "preload", f"{repo.repo} {' '.join(repo.files)}".strip()
    started = STREAMLIT if recipe.sdk is Sdk.STREAMLIT else ("/env/bin/python",)
    yield "command", " ".join((*started, recipe.app_file))
    yield "port", str(recipe.port)
    yield "base", _base(base, engine) + (" with the Debian packages" if build.debian.names else "")
    own = () if Path(python.prefix) == Path("/usr") else (f"Python {python.version}",)
    preload = ("preloaded repos",) if recipe.preload else ()
    yield "layers", " · ".join(("base", *own, "environment", *preload, "code"))
    yield "would", _would(build)


def _would(build: Build) -> str:
    lock = build.kept()
    if lock is None:
        return "resolve the requirements, download and install what they lead to"
    env = build.environments(lock).path(environment.key(lock, build.python, build.accelerator))
    if not env.is_dir():
        return f"install {count(len(lock.wheels), 'package')} of the lock that is kept"
    compiled = "" if (env / UNCOMPILED).exists() is False else ", and compile what it lacks"
    return f"install nothing: the environment stands{compiled}   ({env})"


def _base(base: str, engine: str) -> str:
    name = base or bases.name()
    try:
        with Engine(engine) as there:
            found = there.image(name) is not None
    except BuildFailed:
        return f"{name}   (no container engine answers)"
    if found:
        return name
    return f"{name}   (would be {'pulled' if base else 'made of the distribution packages'})"
