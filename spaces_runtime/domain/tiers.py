"""The tiers people know from the public Hub, with its figures; an operator changes them, or adds others.

https://huggingface.co/docs/hub/spaces-gpus lists cores, memory, GPU memory and disk. It says GB, and means 2^30 bytes.
It does not have the tiers with an RTX PRO 6000 yet, though its client knows their names: their cores, memory and disk
are ours.
"""

from __future__ import annotations

from typing import Final

from spaces_runtime.domain.hardware import GIB, Hardware

ZERO: Final = "GPUs that Spaces share call by call are not offered by this hub"


def _cpu(name: str, title: str, cpus: float, memory: int, disk: int) -> Hardware:
    return Hardware(name=name, title=title, cpus=cpus, memory=memory * GIB, disk=disk * GIB)


def _gpu(name: str, title: str, cpus: float, memory: int, disk: int, *, gpus: int = 1, of: tuple[str, int]) -> Hardware:
    """memory, disk: GiB. of: model of a device, and the GiB it has."""
    model, vram = of
    return Hardware(
        name=name, title=title, cpus=cpus, memory=memory * GIB, disk=disk * GIB, gpus=gpus, gpu=model, vram=vram * GIB
    )


T4, L4, L40S, A10G, A100, RTX = (
    ("T4", 16),
    ("L4", 24),
    ("L40S", 48),
    ("A10G", 24),
    ("A100", 80),
    ("RTX PRO 6000", 96),
)
TIERS: Final = (
    _cpu("cpu-basic", "CPU basic", 2, 16, 50),
    _cpu("cpu-upgrade", "CPU upgrade", 8, 32, 50),
    Hardware(name="zero-a10g", title="ZeroGPU", cpus=8, memory=64 * GIB, disk=50 * GIB, gpus=1, never=ZERO),
    _gpu("t4-small", "Nvidia T4 small", 4, 15, 50, of=T4),
    _gpu("t4-medium", "Nvidia T4 medium", 8, 30, 100, of=T4),
    _gpu("l4x1", "1x Nvidia L4", 8, 30, 400, of=L4),
    _gpu("l4x4", "4x Nvidia L4", 48, 186, 3200, gpus=4, of=L4),
    _gpu("l40sx1", "1x Nvidia L40S", 8, 62, 380, of=L40S),
    _gpu("l40sx4", "4x Nvidia L40S", 48, 382, 3200, gpus=4, of=L40S),
    _gpu("l40sx8", "8x Nvidia L40S", 192, 1534, 6500, gpus=8, of=L40S),
    _gpu("a10g-small", "Nvidia A10G small", 4, 15, 110, of=A10G),
    _gpu("a10g-large", "Nvidia A10G large", 12, 46, 200, of=A10G),
    _gpu("a10g-largex2", "2x Nvidia A10G large", 24, 92, 1000, gpus=2, of=A10G),
    _gpu("a10g-largex4", "4x Nvidia A10G large", 48, 184, 2000, gpus=4, of=A10G),
    _gpu("a100-large", "Nvidia A100 large", 12, 142, 1000, of=A100),
    _gpu("a100x4", "4x Nvidia A100", 48, 568, 4000, gpus=4, of=A100),
    _gpu("a100x8", "8x Nvidia A100", 96, 1136, 8000, gpus=8, of=A100),
    _gpu("rtx-pro-6000", "Nvidia RTX PRO 6000", 12, 120, 1000, of=RTX),
    _gpu("rtx-pro-6000x2", "2x Nvidia RTX PRO 6000", 24, 240, 2000, gpus=2, of=RTX),
    _gpu("rtx-pro-6000x4", "4x Nvidia RTX PRO 6000", 48, 480, 4000, gpus=4, of=RTX),
    _gpu("rtx-pro-6000x8", "8x Nvidia RTX PRO 6000", 96, 960, 8000, gpus=8, of=RTX),
)
