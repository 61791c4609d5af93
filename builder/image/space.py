"""What a build made → an image that runs by itself: base, Python, environment, preloaded repos, code, a layer each.

The code comes last and is small: a push that changes only code makes, loads and moves that layer alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from builder.artifact import Artifact, ArtifactKind
from builder.build import LAUNCHER
from builder.environment import UNCOMPILED, finish
from builder.faults import BuildFailed
from builder.image import parts
from builder.image.archive import Plan
from builder.image.engine import Engine, Image
from builder.image.layer import Layer
from builder.image.load import load
from builder.python import Python, asked

PATH: Final = "/env/bin:/home/user/.local/bin"
HOME: Final = "/home/user"
OCI: Final = "org.opencontainers.image"
SYSTEM_PYTHONS: Final = ("/usr/bin/python3", "/usr/local/bin/python3")
STOP: Final = "SIGINT"  # the only one that Python minds as the first process of a container
PROCESSES: Final = 2  # that compile


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """All that an image is made of, besides the artifact.

    base: to stand on. cache: the builder's own, where digests of layers are kept. labels: the caller's own.
    revision, lock, sdk: for its labels.
    """

    base: Image
    cache: Path
    revision: str = ""
    lock: str = ""
    sdk: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def image(engine: Engine, artifact: Artifact, whole: Sum, tags: tuple[str, ...] = ()) -> str:
    """Its id; equal input gives an equal one. Raises: BuildFailed, EngineAway."""
    return load(engine, plan(engine, artifact, whole), tags)


def plan(engine: Engine, artifact: Artifact, whole: Sum) -> Plan:
    """Without loading it. Compiles what the environment still lacks."""
    if artifact.kind is ArtifactKind.STATIC:
        return _site(engine, artifact, whole)
    env = Path(artifact.location)
    kept = whole.cache / "layers"
    if (env / UNCOMPILED).exists():
        finish(env, whole.cache, app=str(Path(artifact.code) / artifact.command[-1]), processes=PROCESSES)
    python = asked(str((env / "bin" / "python").resolve()))
    if python is None:
        raise BuildFailed("The Python below the environment is gone. Rebuild the Space.")
    layers = [*_python(engine, python, whole, kept), parts.environment(env, kept)]
    layers += [parts.preloaded(Path(artifact.hub))] if artifact.hub else []
    command = [part for part in artifact.command if part != LAUNCHER]  # the platform's own, which it brings along
    config = _config(artifact, whole, command, python=python.version)
    return Plan(below=whole.base.layers, layers=(*layers, parts.code(Path(artifact.code))), config=config)


def _python(engine: Engine, python: Python, whole: Sum, kept: Path) -> list[Layer]:
    """A layer with it, unless the base has it at the same path."""
    if engine.has(whole.base.id, python.path):
        return []
    if Path(python.prefix) == Path("/usr"):
        text = f"The base image has no {python.path}, which the environment stands on. Name a base with it."
        raise BuildFailed(text)
    return [parts.interpreter(python, kept)]


def _site(engine: Engine, artifact: Artifact, whole: Sum) -> Plan:
    """Files, and a server of ours for them."""
    python = next((path for path in SYSTEM_PYTHONS if engine.has(whole.base.id, path)), None)
    if python is None:
        raise BuildFailed("The base image has no python3, which serves a static Space's files. Name a base with it.")
    headers = [f"{name}={value}" for name, value in artifact.headers]
    command = [python, "-I", parts.SERVER, "/app", str(artifact.port), artifact.index, *headers]
    config = _config(artifact, whole, command)
    return Plan(below=whole.base.layers, layers=(parts.server(), parts.code(Path(artifact.location))), config=config)


def _config(artifact: Artifact, whole: Sum, command: list[str], python: str = "") -> dict[str, Any]:
    env = dict(each.split("=", 1) for each in whole.base.config.get("Env") or ())
    env |= _environment(artifact, env.get("PATH", "/usr/local/bin:/usr/bin:/bin"))
    labels = {
        f"{OCI}.revision": whole.revision,
        f"{OCI}.base.digest": whole.base.id,
        "spaces.sdk": whole.sdk,
        "spaces.lock": whole.lock,
        "spaces.python": python,
        "spaces.builder": builder_version(),
        **whole.labels,
    }
    stop = {} if artifact.kind is ArtifactKind.STATIC else {"StopSignal": STOP}
    return {
        **stop,
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Cmd": command,
        "User": "1000:1000",
        "WorkingDir": "/app",
        "ExposedPorts": {f"{artifact.port}/tcp": {}},
        "Labels": {name: value for name, value in labels.items() if value},
    }


def _environment(artifact: Artifact, path: str) -> dict[str, str]:
    """What an app expects of a Space; the platform says more, and says it itself."""
    if artifact.kind is ArtifactKind.STATIC:
        return {"HOME": HOME, "PYTHONUNBUFFERED": "1"}
    return {
        "PATH": f"{PATH}:{path}",
        "HOME": HOME,
        "USER": "user",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{HOME}/app",
        "VIRTUAL_ENV": "/env",
        "GRADIO_SERVER_NAME": "0.0.0.0",  # noqa: S104 every address of a container of its own
        "GRADIO_SERVER_PORT": str(artifact.port),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }


def builder_version() -> str:
    """Empty: it was never installed."""
    try:
        return version("spaces-runtime")
    except PackageNotFoundError:
        return ""
