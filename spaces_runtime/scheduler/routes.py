"""What the gateways are told of a Space. Pure."""

from __future__ import annotations

from dataclasses import replace

from spaces_runtime.domain.gate import Gate
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.domain.instance import Instance, Phase
from spaces_runtime.domain.ladder import ASLEEP
from spaces_runtime.domain.route import Route
from spaces_runtime.domain.space import Revision, Space
from spaces_runtime.domain.stage import Stage, derive_stage
from spaces_runtime.scheduler.site import Site

SHUT = (Stage.PAUSED, Stage.DELETING, Stage.NO_APP_FILE, Stage.CONFIG_ERROR, Stage.BUILD_ERROR, Stage.RUNTIME_ERROR)
NEAREST = (Phase.READY, *ASLEEP, Phase.STARTING)  # to an answer


def route_of(space: Space, site: Site, now: float) -> Route:
    """The route of every host of this Space. It has a sentence instead of an answer where a visit cannot help."""
    shown = derive_stage(space, now)
    files, door = space.files, door_of(space)
    serving = files or _revision(space, door) or space.target
    artifact = serving.artifact if serving is not None else None
    return Route(
        space=space.id,
        name=site.full,
        host=site.host,
        instance=door.id if door is not None and files is None else None,
        private=site.private,
        why=shown.why if shown.stage in SHUT else "",
        waits=shown.why if space.waits is not None and shown.stage is Stage.APP_STARTING else "",
        page=site.page,
        face=replace(site.face, usual=space.usual),
        headers=artifact.headers if artifact is not None else (),
        frameable=artifact.frameable if artifact is not None else True,
        files=artifact.location if artifact is not None and files is not None else "",
        index=artifact.index if artifact is not None and files is not None else "",
    )


def door_of(space: Space, without: InstanceId | None = None) -> Instance | None:
    """The instance whose door visitors should try: one that is open, else the one nearest to an answer."""
    live = [i for i in space.instances if i.phase is not Phase.EXITED and i.id != without]
    return min(
        live,
        key=lambda i: (i.gate is not Gate.OPEN, NEAREST.index(i.phase), i.spec != space.wanted, -i.since),
        default=None,
    )


def _revision(space: Space, door: Instance | None) -> Revision | None:
    if door is None:
        return None
    return next((r for r in (space.head, space.last_good) if r is not None and r.key == door.build), None)
