"""An image → a registry, which takes only the layers that it has not yet."""

from __future__ import annotations

from typing import Final

from docker.errors import APIError

from builder.faults import BuildFailed
from builder.image.engine import Engine
from builder.progress import step

LONGEST: Final = 200  # characters of the registry's words
_REASONS: Final = (
    ("refused", "nobody listens there"),
    ("no such host", "there is no host of that name"),
    ("unreachable", "there is no way to it"),
    ("timeout", "it took too long"),
    ("EOF", "it hung up"),
    ("denied", "it wants a login (docker login), or does not take images from here"),
    ("unauthorized", "it wants a login (docker login)"),
    ("server gave HTTP response", "it speaks no TLS, which the engine asks of registries on other machines"),
    ("x509", "the engine does not trust its certificate"),
    ("no space left", "its disk is full"),
    ("insufficient storage", "its disk is full"),
)


def push(engine: Engine, image: str, place: str) -> str:
    """`sha256:…` of the manifest, by which every machine finds the same. place: `host:port/name:tag`.

    Raises: BuildFailed, EngineAway.
    """
    engine.tag(image, place)
    repository, _, tag = place.rpartition(":") if ":" in place.rpartition("/")[2] else (place, "", "latest")
    digest = ""
    with step(f"Pushing to {place}") as told, engine.asked():
        try:
            for line in engine.api.push(repository, tag, stream=True, decode=True):
                if line.get("error"):
                    raise _failed(place, str(line["error"]))
                digest = (line.get("aux") or {}).get("Digest", digest)
        except APIError as error:
            raise _failed(place, str(error.explanation or error)) from None
        told.append(digest[:19])
    if not digest:
        raise _failed(place, "it told no digest")
    return digest


def _failed(place: str, said: str) -> BuildFailed:
    host = place.partition("/")[0]
    why = next((told for sign, told in _REASONS if sign.lower() in said.lower()), said.strip()[:LONGEST].rstrip("."))
    return BuildFailed(f"The image cannot be pushed to {host}: {why}. It is on this machine; push again later.")
