"""The container engine, as far as the builder needs it; each failure is a sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException

from builder.faults import EngineAway

SOCKET: Final = "unix:///var/run/docker.sock"
PATIENCE: Final = 300  # seconds for one answer
CHUNK: Final = 2**20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """id: `sha256:…` of its configuration. layers: digests of the uncompressed tars, the lowest first.

    config: as the image has it: Env, Labels, User, ... may be absent. digests: `name@sha256:…`, of where it came from.
    """

    id: str
    layers: tuple[str, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    digests: tuple[str, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.config.get("Labels") or {})


def address(host: str) -> str:
    """As DOCKER_HOST takes it. host: may be a path; empty: the usual socket."""
    return f"unix://{host}" if host.startswith("/") else host or SOCKET


class Engine:
    """host: see address(). Every method raises: EngineAway."""

    def __init__(self, host: str = "") -> None:
        self.host = address(host)
        with self.asked():
            self.api = docker.APIClient(base_url=self.host, version="auto", timeout=PATIENCE)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """Around whatever asks it: an engine that is not there is a fault of its own."""
        try:
            yield
        except APIError:
            raise
        except (DockerException, RequestException, OSError) as error:
            raise away(self.host, error) from None

    def image(self, name: str) -> Image | None:
        """By tag, or by id; None: it has none of that name."""
        with self.asked():
            try:
                told = self.api.inspect_image(name)
            except (ImageNotFound, NotFound):
                return None
        layers = tuple((told.get("RootFS") or {}).get("Layers") or ())
        digests = tuple(told.get("RepoDigests") or ())
        return Image(id=told["Id"], layers=layers, config=told.get("Config") or {}, digests=digests)

    def forget(self, name: str) -> None:
        """Take a name away; what nothing else names or uses goes. May be repeated."""
        with self.asked(), contextlib.suppress(APIError):
            self.api.remove_image(name, noprune=False)

    def images(self) -> list[Image]:
        """All there are."""
        with self.asked():
            names = [told["Id"] for told in self.api.images()]
        return [image for name in names if (image := self.image(name)) is not None]

    def tag(self, image: str, name: str) -> None:
        """The name moves to this image. name: `repository:tag`."""
        repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "latest")
        with self.asked():
            self.api.tag(image, repository, tag)

    def has(self, image: str, path: str) -> bool:
        """Whether there is a file of this path in an image, links followed. Nothing of it runs."""
        with self.asked():
            made = self.api.create_container(image, command=["/never-started"], labels={"spaces.passing": "1"})
            try:
                stream, _ = self.api.get_archive(made["Id"], path)
                stream.close()
            except (NotFound, APIError):
                return False
            finally:
                self.api.remove_container(made["Id"], v=True, force=True)
        return True

    def files(self, image: str) -> Iterator[bytes]:
        """The whole tree of an image as one tar, in pieces. Nothing of it runs."""
        with self.asked():
            made = self.api.create_container(image, command=["/never-started"], labels={"spaces.passing": "1"})
            try:
                yield from self.api.export(made["Id"], chunk_size=CHUNK)
            finally:
                self.api.remove_container(made["Id"], v=True, force=True)

    def root(self) -> str:
        """Where it keeps everything; a path on its own machine."""
        with self.asked():
            return str(self.api.info().get("DockerRootDir") or "")


def away(host: str, error: object) -> EngineAway:
    """In words."""
    inner = str(error)
    known = {
        "No such file": "there is no such socket",
        "Permission denied": "this user may not use its socket",
        "Connection refused": "nobody listens there",
        "timed out": "it took too long",
    }
    why = next((said for sign, said in known.items() if sign in inner), inner.splitlines()[0][:200] if inner else "")
    then = "Start it (systemctl start docker), or name another by DOCKER_HOST."
    return EngineAway(f"The container engine at {host} does not answer: {why}. {then}")
