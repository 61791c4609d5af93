"""What a build leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ArtifactKind(Enum):
    """How a backend has to run the artifact."""

    ENVIRONMENT = "environment"  # a directory with a ready Python environment
    IMAGE = "image"  # a container image
    STATIC = "static"  # files only


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something runnable; equal digests run equally.

    digest: sha256 over lock, Python version, platform and code, 64 hex digits.
    location: the shared environment (ENVIRONMENT), the folder that is served (STATIC), an image reference (IMAGE).
    code: folder of the checked-out revision; each new instance gets a writable copy as /app. Empty for IMAGE.
    base: folder of Debian packages laid over the system; empty: none.
    image: container image below an ENVIRONMENT, for an engine of containers; empty: the engine's own base.
    writable: folders of an IMAGE that it gives to user 1000; each instance gets a copy to write to.
    hub: folder in the form of the Hub's cache, to be found below ~/.cache/huggingface/hub; read-only; empty: none.
    command: argv that starts the app inside its sandbox, where the environment is /env; empty for STATIC.
    port: TCP port the app listens on inside its sandbox.
    index: the file below `location` that answers `/` (STATIC); empty otherwise.
    headers: the author's custom_headers, put on every response.
    frameable: other sites may frame it (front matter disable_embedding: false).
    start_deadline: seconds from start to the first HTTP answer.
    """

    kind: ArtifactKind
    digest: str
    location: str
    code: str = ""
    base: str = ""
    image: str = ""
    writable: tuple[str, ...] = ()
    hub: str = ""
    command: tuple[str, ...]
    port: int
    index: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    frameable: bool = True
    start_deadline: float = 1800.0
