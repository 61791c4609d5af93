"""A planned image → an image of the engine's, sending as little as will do."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from docker.errors import APIError

from builder.faults import BuildFailed
from builder.image.archive import Plan, archive
from builder.image.engine import CHUNK, Engine
from builder.image.layer import Layer, Packed, packed
from builder.progress import say, size, step

FULL: Final = "no space left"
LONGEST: Final = 300  # characters of the engine's words


def load(engine: Engine, plan: Plan, tags: Sequence[str] = ()) -> str:
    """The image's id. Nothing is sent when it is there. tags: `name:tag`, they move to it.

    Raises: BuildFailed, EngineAway.
    """
    if engine.image(plan.id) is not None:
        for tag in tags:
            engine.tag(plan.id, tag)
        return plan.id
    refused = ""
    for sent in (plan.layers[-1:], plan.layers):
        refused = _sent(engine, plan, tags, sent)
        if not refused:
            return plan.id
    with tempfile.TemporaryDirectory(prefix="layers-") as place:  # some engines want every layer of what is loaded
        refused = _sent(engine, plan, tags, (*_below(engine, plan, Path(place)), *plan.layers))
    if refused:
        raise BuildFailed(f"The container engine does not take the image: {refused[:LONGEST]}.")
    return plan.id


def _sent(engine: Engine, plan: Plan, tags: Sequence[str], sent: Sequence[Layer | Packed]) -> str:
    """What the engine says against it; empty: it has it now."""
    with step(f"Loading the image: {', '.join(layer.told or 'base' for layer in sent)}") as told:
        refused = _refused(engine, plan, tags, sent)
        told.append(size(sum(layer.size for layer in sent)))
    if FULL in refused:
        raise BuildFailed("The container engine's disk is full. Make room there, and build again.")
    if refused:
        say("  The engine has not all other layers yet.")
    return refused


def _refused(engine: Engine, plan: Plan, tags: Sequence[str], sent: Sequence[Layer | Packed]) -> str:
    with engine.asked():
        try:
            for told in engine.api.load_image(archive(plan, tags, sent)):
                if told.get("error"):
                    return str(told["error"]).rstrip(".")
        except APIError as error:
            return str(error.explanation or error).rstrip(".")
    return "" if engine.image(plan.id) is not None else "it has another digest for it"


def _below(engine: Engine, plan: Plan, place: Path) -> Iterator[Packed]:
    """The layers it stands on, out of an image that the engine has."""
    holder = next((image for image in engine.images() if plan.below and image.layers == plan.below), None)
    if holder is None:
        return
    whole = place / "image.tar"
    with whole.open("wb") as file, engine.asked():
        for piece in engine.api.get_image(holder.id, chunk_size=CHUNK):
            file.write(piece)
    with tarfile.open(whole) as saved:
        manifest = saved.extractfile("manifest.json")
        names = json.load(manifest)[0]["Layers"] if manifest else []
        for number, name in enumerate(names):
            content = saved.extractfile(name)
            if content is not None:
                target = place / str(number)
                with target.open("wb") as file:
                    while piece := content.read(CHUNK):
                        file.write(piece)
                yield packed(target, "")
