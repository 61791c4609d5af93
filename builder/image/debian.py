"""packages.txt → a base image with these packages, one for each list. Their scripts run, in the image alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from builder import packages
from builder.debian import explain
from builder.faults import BuildFailed, EngineAway
from builder.image.cli import PATIENCE, Cli, follow
from builder.image.engine import Engine, Image
from builder.image.explain import Said, fault
from builder.image.instructions import FILE
from builder.image.plain import Plain
from builder.progress import count, say

FORM: Final = "1"  # raised when the same list would become another image
LABEL: Final = "spaces.packages"
_CA: Final = "-o Acquire::https::CAInfo=/run/secrets/ca"  # for its time alone, and never a part of the image
_TEXT: Final = """\
FROM {base}
RUN --mount=type=secret,id=ca set -e; export DEBIAN_FRONTEND=noninteractive; \\
    apt-get {ca} -o APT::Update::Error-Mode=any update -q; apt-get {ca} install -qy --no-install-recommends {names}; \\
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """base: the name of the image to stand on, as the engine knows it; identity: its id. ca: a bundle; empty: none.

    labels: the caller's own. apart: whose build it is, see dockerfile.Order.
    """

    base: str
    identity: str
    wanted: packages.Wanted
    ca: str = ""
    seconds: float = PATIENCE
    labels: Mapping[str, str] = field(default_factory=dict)
    apart: str = ""

    @property
    def key(self) -> str:
        """One image for each list on each base."""
        return sha256(repr((FORM, self.identity, self.wanted.names)).encode()).hexdigest()

    @property
    def name(self) -> str:
        """On the engine."""
        return f"spaces-base:packages-{self.key[:20]}"


def with_packages(engine: Engine, cli: Cli, wish: Wish, *, tell: Callable[[str], None] = say) -> Image:
    """Make it, unless it is there. Raises: BuildFailed, with the line of packages.txt; EngineAway."""
    found = engine.image(wish.name)
    if found is not None:
        return found
    tell(f"Making a base image with {count(len(wish.wanted.names), 'Debian package')} …")
    with tempfile.TemporaryDirectory(prefix="packages-") as place:
        file = Path(place) / FILE
        names = " ".join(wish.wanted.names)  # each has been looked at: packages.parse
        text = _TEXT.format(base=wish.base, names=names, ca=_CA if wish.ca else "")
        file.write_text(text)
        argv = [cli.binary, "build", "--progress", "plain", "--file", str(file), "--tag", wish.name]
        # the distribution's own packages alone run here; its server may be one that strangers' builds cannot reach
        argv += ["--network", "host"]
        argv += ["--label", f"{LABEL}={wish.key}", *(("--secret", f"id=ca,src={wish.ca}") if wish.ca else ())]
        argv += [part for name, value in wish.labels.items() for part in ("--label", f"{name}={value}")]
        argv += ["--add-host", f"{wish.apart}:127.0.0.1"] if wish.apart else []
        told = Plain(tell)
        ended = follow([*argv, place], cli.env, seconds=wish.seconds, said=told.line)
    if ended.why:
        raise BuildFailed(f"packages.txt cannot be installed: it was ended, {ended.why}.", file=packages.FILE)
    made = engine.image(wish.name) if ended.status == 0 else None
    if made is None:
        known = Said(dockerfile=text, step=told.failed, why=told.why, words=told.words, rest=tuple(told.rest))
        raise _failed(fault(known), told.words, wish.wanted)
    return made


def _failed(failed: BuildFailed, words: tuple[str, ...], wanted: packages.Wanted) -> BuildFailed:
    """What apt says is clearer than which step of ours it was."""
    if isinstance(failed, EngineAway):
        return failed
    if any(line.startswith("E: ") for line in words):
        return explain("\n".join(words), wanted)
    return BuildFailed(f"packages.txt cannot be installed. {failed.why}", file=packages.FILE)
