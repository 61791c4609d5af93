"""Hardware as clients read it."""

from __future__ import annotations

from typing import Any, Final

from spaces_runtime.domain.hardware import GIB, Hardware, Offer
from spaces_runtime.domain.operations.show import View

ABSENT: Final = "not on this machine"


def tier_json(offer: Offer) -> dict[str, Any]:
    """One row of `GET /api/spaces/hardware`. available, why, note are ours; so that clients which do not know them
    promise nothing, the name for people says it, too."""
    tier = offer.tier
    title = tier.title or tier.name
    return {
        "name": tier.name,
        "prettyName": f"{title} ({ABSENT})" if offer.why_not else title,
        "cpu": f"{tier.cpus:g} vCPU",
        "ram": _gb(tier.memory),
        "ephemeralStorage": _gb(tier.disk),
        "accelerator": _accelerator(tier) if tier.gpus else None,
        "unitCostMicroUSD": 0,
        "unitCostUSD": 0,
        "unitLabel": "minute",
        "available": not offer.why_not,
        **({"why": offer.why_not} if offer.why_not else {}),
        **({"note": offer.note} if offer.note else {}),
    }


def resources_json(view: View) -> dict[str, Any]:
    """`runtime.resources`: what is counted for it, and what it may use at most, as Kubernetes writes them."""
    tier = view.tier
    limits = {"cpu": f"{tier.cpus:g}", "memory": f"{tier.memory}", "ephemeral": f"{tier.disk}"}
    gpus = {"gpu": f"{tier.gpus:g}", **({"gpuModel": tier.gpu} if tier.gpu else {})} if tier.gpus else {}
    return {"requests": {"memory": f"{view.reserved}", **gpus}, "limits": {**limits, **gpus}, "replicas": 1}


def _accelerator(tier: Hardware) -> dict[str, Any]:
    return {
        "type": "gpu",
        "model": tier.gpu or "any",
        "quantity": f"{tier.gpus:g}",
        "vram": _gb(round(tier.vram * max(1.0, tier.gpus))) if tier.vram else "",
        "manufacturer": "Nvidia",
    }


def _gb(size: int) -> str:
    """As the public Hub writes them: "16 GB" are 2^34 bytes."""
    return f"{size / GIB:.4g} GB"
