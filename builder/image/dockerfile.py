"""A Space's own Dockerfile → an image, by BuildKit. Its steps run confined by the engine, on its default bridge."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from builder.faults import BuildFailed, sentence
from builder.image.cli import PATIENCE, Cli, Ended, follow
from builder.image.engine import Engine, Image
from builder.image.explain import Said, fault
from builder.image.instructions import FILE, syntax
from builder.image.plain import Plain
from builder.image.writable import writable
from builder.progress import say
from builder.tree import Tree

OFFICIAL: Final = re.compile(r"(docker\.io/)?docker/dockerfile(-upstream)?(:1(\.\d+)*)?")
RAM: Final = "/dev/shm"  # noqa: S108  secrets never reach a disk
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
ROOT: Final = ("", "root", "0", "0:0", "root:root")
CERTIFICATES: Final = "ca"
FRONTEND: Final = "resolve image config"  # BuildKit's name for the step that fetches what `# syntax=` asks for


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """folder: the repo, which is all that its steps may copy from. port: where the README says that the app listens.

    variables: build arguments. secrets: each a file below /run/secrets for the steps that ask for it, and nowhere else.
    ca: a bundle of certificates, offered as the secret `ca`; empty: none. afresh: nothing of earlier builds is used.
    tag: empty for none.
    text: a Dockerfile in place of the repo's own; empty: that.
    look: find the image's writable folders; else whoever asks does.
    apart: whose build it is: what steps of others left is not used, for BuildKit takes two steps for the same when only
    the values of their secrets differ. Empty: nobody's.
    """

    folder: Path
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    seconds: float = PATIENCE
    tag: str = ""
    ca: str = ""
    afresh: bool = False
    text: str = ""
    apart: str = ""
    look: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """image: its id. writable: see writable.py. notes: what works, but not as its author may think; whole sentences."""

    image: str
    writable: tuple[str, ...]
    notes: tuple[str, ...] = ()


def build(order: Order, engine: Engine, cli: Cli, *, tell: Callable[[str], None] = say) -> Built:
    """tell: is given each line of the log.

    Raises: BuildFailed, with the failing line of the Dockerfile; EngineAway.
    """
    text = order.text or Tree(order.folder).read(FILE)
    if text is None:
        raise BuildFailed(f"There is no {FILE} in the repo, or it is no file.", file=FILE)
    for name in (*order.secrets, *order.variables):
        if not NAME.fullmatch(name):
            raise BuildFailed(f"{name!r} cannot be the name of a variable or secret of a build.")
    with tempfile.TemporaryDirectory(dir=RAM if os.access(RAM, os.W_OK) else None, prefix="build-") as place:
        attempt = _Attempt(order=order, cli=cli, place=Path(place), tell=tell)
        image = engine.image(attempt.made(text))
    if image is None:
        raise BuildFailed("The image was built and is gone. Build again.")
    folders = writable(engine.files(image.id)) if order.look else ()
    notes = _notes(image, order)
    for note in notes:
        tell(f"Note: {note}")
    return Built(image=image.id, writable=folders, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """place: a folder for what only this build may see."""

    order: Order
    cli: Cli
    place: Path
    tell: Callable[[str], None]

    def made(self, text: str) -> str:
        """The image's id. text: of the Dockerfile. Raises: BuildFailed, EngineAway."""
        if self.order.text:
            (self.place / FILE).write_text(text)
        ended, told = self._run(str(self.place / FILE) if self.order.text else FILE)
        front = syntax(text)
        if ended.status != 0 and front and OFFICIAL.fullmatch(front[0]) and told.failed.startswith(FRONTEND):
            self.tell(f"Note: {front[0]} cannot be pulled; the engine's own BuildKit reads this {FILE}.")
            lines = text.splitlines()
            lines[front[1] - 1] = "#"
            (self.place / FILE).write_text("\n".join(lines) + "\n")
            ended, told = self._run(str(self.place / FILE))
        if ended.why:
            then = "An operator sets the limits: [build] in spaces.toml."
            raise BuildFailed(sentence(FILE, 0, f"the build was ended, {ended.why}", then), file=FILE)
        if ended.status == 0:
            return (self.place / "id").read_text().strip()
        known = {"step": told.failed, "why": told.why}
        raise fault(Said(dockerfile=text, words=told.words, rest=tuple(told.rest), **known))

    def _run(self, file: str) -> tuple[Ended, Plain]:
        told = Plain(self.tell, hide=self.order.secrets.values())
        secrets = _secrets(self.order, self.place)
        argv = arguments(self.order, self.cli.binary, file=file, identity=self.place / "id", secrets=secrets)
        return follow(argv, self.cli.env, seconds=self.order.seconds, said=told.line), told


def _secrets(order: Order, place: Path) -> dict[str, Path]:
    """Each in a file that only this user can read; they go with their folder."""
    files = {}
    for number, (name, value) in enumerate(sorted(order.secrets.items())):
        files[name] = place / f"secret-{number}"
        handle = os.open(files[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(value)
    if order.ca:
        files.setdefault(CERTIFICATES, Path(order.ca))
    return files


def arguments(order: Order, binary: str, *, file: str, identity: Path, secrets: Mapping[str, Path]) -> tuple[str, ...]:
    """The whole command. file: the Dockerfile; identity: where the id will be written."""
    path = file if file.startswith("/") else str(order.folder / file)
    told = ["--progress", "plain", "--file", path, "--iidfile", str(identity)]
    told += [part for name, value in sorted(order.variables.items()) for part in ("--build-arg", f"{name}={value}")]
    if order.apart:
        told += ["--add-host", f"{order.apart}:127.0.0.1", "--build-arg", f"BUILDKIT_CACHE_MOUNT_NS={order.apart}"]
    told += [part for name, at in sorted(secrets.items()) for part in ("--secret", f"id={name},src={at}")]
    told += [part for name, value in sorted(order.labels.items()) for part in ("--label", f"{name}={value}")]
    told += ["--tag", order.tag] if order.tag else []
    told += ["--no-cache"] if order.afresh else []
    return (binary, "build", *told, str(order.folder))


def _notes(image: Image, order: Order) -> tuple[str, ...]:
    found = []
    user = str(image.config.get("User") or "")
    if user in ROOT:
        found.append("The image runs as root by itself; here it runs as user 1000, in folders that user 1000 owns.")
    elif user.partition(":")[0] not in ("1000", "user"):
        found.append(f"The image runs as {user} by itself; here it runs as user 1000.")
    ports = sorted(int(port.partition("/")[0]) for port in image.config.get("ExposedPorts") or {})
    if ports and order.port not in ports:
        shown = ", ".join(map(str, ports))
        found.append(f"The {FILE} exposes {shown}, and visitors come to app_port {order.port} of README.md.")
    if not (image.config.get("Cmd") or image.config.get("Entrypoint")):
        found.append(f"The image has neither CMD nor ENTRYPOINT: there is nothing to start. Add one to the {FILE}.")
    return tuple(found)
