"""From a View to the words, colours and rungs of a page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from spaces_runtime.domain.hardware import Hardware, size
from spaces_runtime.domain.operations.show import View
from spaces_runtime.domain.route import Face
from spaces_runtime.domain.stage import Stage

WORDS: Final = {  # stage → (word, the style sheet's data-stage)
    Stage.NO_APP_FILE: ("Nothing to run", "error"),
    Stage.CONFIG_ERROR: ("Settings wrong", "error"),
    Stage.BUILDING: ("Building", "building"),
    Stage.BUILD_ERROR: ("Build failed", "error"),
    Stage.APP_STARTING: ("Starting", "starting"),
    Stage.RUNNING: ("Running", "running"),
    Stage.RUNNING_BUILDING: ("Running, building", "running"),
    Stage.RUNNING_APP_STARTING: ("Running, starting", "running"),
    Stage.RUNTIME_ERROR: ("Stopped", "error"),
    Stage.SLEEPING: ("Asleep", "cold"),
    Stage.STOPPED: ("Stopped", "cold"),
    Stage.PAUSED: ("Paused", "paused"),
    Stage.DELETING: ("Being deleted", "deleting"),
}
ASLEEP: Final = {  # rung → the style sheet's data-stage
    "frozen": "frozen",
    "paged": "frozen",
    "checkpointed": "checkpointed",
    "packed": "checkpointed",
    "cold": "cold",
}
OPENS: Final = (  # a visit is answered, now or after a wake
    Stage.RUNNING,
    Stage.RUNNING_BUILDING,
    Stage.RUNNING_APP_STARTING,
    Stage.SLEEPING,
    Stage.STOPPED,
)
COLORS: Final = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray", "white", "black")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A Space for a template. entry: url with the proof that a visitor of a private Space needs, once.

    hardware: the tier it runs on, or would. requested: the one that was asked for. limits: what that means, in words.
    """

    page: str
    owner: str
    word: str
    tone: str
    clause: str
    why: str
    face: Face
    description: str
    opens: bool
    empty: bool
    url: str
    entry: str
    revision: str
    hardware: str
    requested: str
    limits: str


def about(tier: Hardware) -> str:
    """A tier in a few words."""
    cores = f"{tier.cpus:g} {'core' if tier.cpus == 1 else 'cores'}"
    model = f" {tier.gpu}" if tier.gpu else ""
    gpus = f", {tier.gpus:g}{model} GPU{'s' if tier.gpus > 1 else ''}" if tier.gpus else ""
    return f"{cores}, {tier.memory / 2**30:g}\u00a0GB{gpus}"


def limits(view: View) -> str:
    """What it may use, what is kept free for it, and what it waits for."""
    told = [f"at most {about(view.tier)}", f"{view.tier.disk / 2**30:g}\u00a0GB of disk"]
    if not view.is_static:
        told.append(f"{size(view.reserved)} of memory reserved")
    if view.position > 0:
        told.append(f"number {view.position} in the queue for a place")
    if view.hardware not in (None, view.requested):
        told.append(f"{view.requested} with the next start")
    return ", ".join(told)


def shown(view: View, card: Mapping[str, object], *, proof: str = "") -> Shown:
    """card: the front matter at head. proof: of this visitor's right to enter a private Space."""
    word, tone = WORDS[view.stage]
    if view.stage is Stage.SLEEPING:
        tone = ASLEEP.get(view.rung, tone)
    reason = view.why.split(". ")[0].rstrip(".")
    entry = view.url + (f"/?__sign={proof}" if proof else "/")
    base = card.get("base_path")
    if isinstance(base, str) and base.startswith("/") and not proof:
        entry = view.url + base
    return Shown(
        page=f"/spaces/{view.repo.full}",
        owner=view.repo.namespace,
        word=word,
        tone=tone,
        clause=f"{word}: {reason}" if tone == "error" else word,
        why=view.why,
        face=face(card, view.repo.name),
        description=str(card.get("short_description") or ""),
        opens=view.stage in OPENS,
        empty=view.stage in (Stage.NO_APP_FILE, Stage.CONFIG_ERROR),
        url=view.url,
        entry=entry,
        revision=view.serves or "",
        hardware=view.hardware or view.requested,
        requested=view.requested,
        limits=limits(view),
    )


def face(card: Mapping[str, object], name: str) -> Face:
    """Title, emoji and colours; what the front matter does not say or says wrongly is left plain."""

    def color(key: str) -> str:
        value = card.get(key)
        return value if isinstance(value, str) and value in COLORS else "gray"

    return Face(
        title=str(card.get("title") or name),
        emoji=str(card.get("emoji") or ""),
        color_from=color("colorFrom"),
        color_to=color("colorTo"),
    )
