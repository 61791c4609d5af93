"""What the platform and its owner tell an app through its environment; contract/spaces.md §5. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from spaces_runtime.domain.setup import Setup
from spaces_runtime.scheduler.site import Site


def environment(site: Site, setup: Setup, secrets: Mapping[str, str], hub_url: str) -> dict[str, str]:
    """Defaults < variables < secrets < what the platform says of the Space, which nobody may make up."""
    hardware = setup.hardware
    defaults = {"HF_ENDPOINT": hub_url}  # an author may point it at another hub
    told = {
        "SYSTEM": "spaces",
        "SPACE_ID": site.full,
        "SPACE_AUTHOR_NAME": site.namespace,
        "SPACE_REPO_NAME": site.name,
        "SPACE_TITLE": site.face.title,
        "SPACE_HOST": site.host,
        "SPACE_CREATOR_USER_ID": site.creator,
        "ACCELERATOR": hardware.name if hardware.gpus else "none",
        "CPU_CORES": f"{hardware.cpus:g}",
        "MEMORY": f"{hardware.memory / 2**30:g}Gi",
    }
    return {**defaults, **dict(setup.variables), **secrets, **told}
