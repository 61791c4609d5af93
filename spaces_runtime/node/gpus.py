"""The GPUs of this machine, whole or in slices, as NVIDIA's driver tells of them; and why there is none.

`nvidia-smi -q -x` has everything but the names of slices; `nvidia-smi -L` has those, in the same order.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spaces_runtime.domain.hardware import Gpu

SMI: Final = "nvidia-smi"
WITHIN: Final = 20.0  # seconds; a driver that was asleep takes a few
SLICES: Final = 7  # compute slices of a whole device, as NVIDIA counts them
SHARED: Final = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")  # say nothing of whose memory is whose
LISTED: Final = re.compile(r"^(?:GPU \d+: .*\(UUID: (?P<gpu>\S+)\)|\s+MIG (?P<of>\d+)g\S*\s.*\(UUID: (?P<mig>\S+)\))$")


def look() -> tuple[tuple[Gpu, ...], str]:
    """Devices that a Space can be given, and, when there is none, why: a clause. Blocks."""
    if not Path("/proc/driver/nvidia/version").exists():
        return (), "this machine has no NVIDIA driver, or no GPU"
    program = shutil.which(SMI)
    if program is None:
        return (), f"{SMI} is not installed beside the driver"
    try:
        whole, listed = (_said(program, *words) for words in (("-q", "-x"), ("-L",)))
        found = tuple(read(whole, listed, Path("/dev"), Path("/proc/driver/nvidia/capabilities")))
    except (OSError, subprocess.SubprocessError, ET.ParseError, ValueError, AttributeError) as error:
        return (), f"{SMI} does not answer as it should ({error})"
    return found, "" if found else "the driver sees no GPU"


def _said(*argv: str) -> str:
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=WITHIN)  # noqa: S603
    return done.stdout


def read(whole: str, listed: str, dev: Path, capabilities: Path) -> Iterator[Gpu]:
    """From what nvidia-smi prints. A device that is divided is offered in its slices only.

    Raises: ValueError, AttributeError, ParseError: it is not what it should be; OSError.
    """
    slices = _slices(listed)
    for gpu in ET.fromstring(whole).iter("gpu"):  # noqa: S314 the driver's own words
        uuid, minor = _text(gpu, "uuid"), int(_text(gpu, "minor_number"))
        model, memory = _text(gpu, "product_name"), _mib(_text(gpu, "fb_memory_usage/total"))
        shared = tuple(str(dev / name) for name in SHARED if (dev / name).exists())
        nodes = (str(dev / f"nvidia{minor}"), *shared)
        if (gpu.findtext("mig_mode/current_mig") or "").strip() != "Enabled":
            yield Gpu(id=uuid, model=model, memory=memory, nodes=nodes)
            continue
        for one, (name, count) in zip(gpu.iter("mig_device"), slices.get(uuid, ()), strict=True):
            yield Gpu(
                id=name,
                model=model,
                memory=_mib(_text(one, "fb_memory_usage/total")),
                share=count / SLICES if count < SLICES else 0.999,
                nodes=(*nodes, *_rights(one, minor, dev, capabilities)),
            )


def _slices(listed: str) -> dict[str, list[tuple[str, int]]]:
    """Device → its slices: name, and how many of the compute slices it has."""
    found: dict[str, list[tuple[str, int]]] = {}
    device = ""
    for line in listed.splitlines():
        match = LISTED.match(line)
        if match and match["gpu"]:
            device = match["gpu"]
        elif match:
            found.setdefault(device, []).append((match["mig"], int(match["of"])))
    return found


def _rights(one: ET.Element, minor: int, dev: Path, capabilities: Path) -> tuple[str, ...]:
    """The files that let a process use this slice, and no other."""
    instance, part = int(_text(one, "gpu_instance_id")), int(_text(one, "compute_instance_id"))
    folder = capabilities / f"gpu{minor}" / "mig" / f"gi{instance}"
    told = [(place / "access").read_text() for place in (folder, folder / f"ci{part}")]
    minors = [re.search(r"DeviceFileMinor:\s*(\d+)", text) for text in told]
    return tuple(str(dev / "nvidia-caps" / f"nvidia-cap{match[1]}") for match in minors if match)


def _text(of: ET.Element, path: str) -> str:
    found = of.findtext(path)
    if found is None:
        raise ValueError(f"no {path}")
    return found.strip()


def _mib(text: str) -> int:
    number, unit = text.split()
    if unit != "MiB":
        raise ValueError(f"{text} is not in MiB")
    return int(number) * 2**20
