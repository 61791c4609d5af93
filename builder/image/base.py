"""The image below all Spaces that bring none of their own: made from the distribution's packages, or pulled.

Equal packages give an equal digest: nothing of this machine and no time gets into it. It has the distribution's Python,
certificates, and user 1000; what a Space needs beyond that it asks for in packages.txt, and gets a base with it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from platform import freedesktop_os_release, machine
from typing import Final

from docker.errors import APIError

from builder.command import run
from builder.faults import BuildFailed
from builder.image.archive import Plan
from builder.image.engine import Engine, Image
from builder.image.layer import TIME, packed
from builder.image.load import load
from builder.progress import step

FORM: Final = "1"  # raised when the same packages would become another image
PACKAGES: Final = ("ca-certificates", "python3")
PATIENCE: Final = 1800.0  # seconds
UNREAD: Final = ("man", "doc", "info", "locale", "lintian", "bug")  # below /usr/share
LABEL: Final = "spaces.base"
HOOKS: Final = (  # each is given the folder of the new system
    'printf "user:x:1000:1000::/home/user:/bin/sh\\n" >> "$1/etc/passwd"',
    'printf "user:x:1000:\\n" >> "$1/etc/group"',
    'mkdir -p "$1/home/user" && chown 1000:1000 "$1/home/user" && chmod 755 "$1/home/user"',
    'rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/var/cache/ldconfig/aux-cache"',
    'find "$1/var/log" -type f -delete; : > "$1/etc/machine-id"',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What a base is made of. sources: lines as in sources.list. packages: beside those that every system has."""

    suite: str
    sources: tuple[str, ...]
    packages: tuple[str, ...] = PACKAGES

    @property
    def key(self) -> str:
        """Equal for equal orders; what comes of one changes with the distribution's updates."""
        return sha256(repr((FORM, self.suite, machine(), sorted(self.packages))).encode()).hexdigest()


def name() -> str:
    """The base's name on an engine: of this machine's own distribution, whose Python environments stand on."""
    return f"spaces-base:{_codename()}"


def ours() -> System:
    """As this machine is. Raises: BuildFailed, it is no Debian."""
    if not shutil.which("mmdebstrap"):
        raise BuildFailed(
            "A base image is made by mmdebstrap, which is not here. Install mmdebstrap, or name an image."
        )
    told = run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"], seconds=60
    )
    suite = _codename()
    lines = [line.split() for line in told.out.splitlines()]
    own = [f"deb {line[0]} {line[1]} {line[2]}" for line in lines if len(line) == 3 and line[1].startswith(suite)]  # noqa: PLR2004
    if not own:
        raise BuildFailed(f"apt knows no source of {suite or 'this system'}. Name a base image instead.")
    return System(suite=suite, sources=tuple(dict.fromkeys(own)))


def make(engine: Engine, system: System, tags: Sequence[str]) -> Image:
    """Make it, or make it anew. Raises: BuildFailed, EngineAway."""
    with tempfile.TemporaryDirectory(prefix="base-", dir=_roomy()) as place:
        tar = Path(place) / "base.tar"
        with step(f"Installing {system.suite} with {', '.join(system.packages)}"):
            _install(system, tar)
        config = {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
            "Cmd": ["/bin/sh"],
            "Labels": {LABEL: system.key, "org.opencontainers.image.title": f"Base of Spaces, {system.suite}"},
        }
        identity = load(engine, Plan(layers=(packed(tar, "base"),), config=config), tags)
    made = engine.image(identity)
    if made is None:
        raise BuildFailed("The base image was made and is gone. Make it again.")
    return made


def ready(engine: Engine, given: str = "", registry: str = "") -> Image:
    """The one to stand on. given: a name of the operator's; it is pulled when it is not there. registry: where ours is.

    Raises: BuildFailed, there is none; EngineAway.
    """
    wanted = given or name()
    found = engine.image(wanted)
    if found is not None:
        return found
    place = wanted if given else f"{registry.rstrip('/')}/{wanted}" if registry else ""
    if not place:
        raise BuildFailed("There is no base image yet. Make one: spaces base build; or name one: base, under [docker].")
    pulled = pull(engine, place)
    if not given:
        engine.tag(pulled.id, wanted)
    return pulled


def pull(engine: Engine, place: str) -> Image:
    """Raises: BuildFailed, EngineAway."""
    repository, _, tag = place.rpartition(":") if ":" in place.rpartition("/")[2] else (place, "", "latest")
    with step(f"Pulling {place}"), engine.asked():
        try:
            engine.api.pull(repository, tag)
        except APIError as error:
            why = str(error.explanation or error).strip().rstrip(".").splitlines()[-1]
            raise BuildFailed(f"The base image {place} cannot be pulled: {why}. Name one that can.") from None
    found = engine.image(place)
    if found is None:
        raise BuildFailed(f"The base image {place} was pulled and is gone. Build again.")
    return found


def _install(system: System, tar: Path) -> None:
    """The whole of the system as a tar; its packages' scripts run in it, as they do at every installation."""
    options = [part for folder in UNREAD for part in ("--dpkgopt", f"path-exclude=/usr/share/{folder}/*")]
    options += ["--dpkgopt", "path-include=/usr/share/doc/*/copyright", "--aptopt", 'Acquire::Languages "none"']
    options += [part for hook in HOOKS for part in ("--customize-hook", hook)]
    options += ["--skip", "output/dev", "--include", ",".join(system.packages)]
    argv = ["mmdebstrap", "--quiet", "--variant=minbase", "--format=tar", *options, system.suite, str(tar)]
    env = {"SOURCE_DATE_EPOCH": str(TIME), "TMPDIR": str(tar.parent), "HOME": "/"}
    try:
        ended = run([*argv, *system.sources], env=env, seconds=PATIENCE)
    except TimeoutError as error:
        raise BuildFailed(f"The base image cannot be made: {error}.") from None
    if ended.status != 0:
        said = [line for line in ended.err.splitlines() if line.startswith(("E:", "W:"))] or ended.err.splitlines()
        raise BuildFailed(f"The base image cannot be made: {' '.join(said[:2]).strip()[:400].rstrip('.')}.")


def _codename() -> str:
    try:
        return freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""


def _roomy() -> str | None:
    """A folder for some hundred megabytes; /tmp may be memory."""
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else None  # noqa: S108  a folder of its own is made in it
