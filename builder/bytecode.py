"""Bytecode of an environment: compiled once per wheel and Python, then linked into every environment with it."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import Final

from packaging.utils import canonicalize_name

from builder.command import run
from builder.faults import BuildFailed
from builder.lock import Lock
from builder.python import Python
from builder.wheels import remove

PATIENCE: Final = 1800.0  # seconds
INSIDE: Final = "/env"  # where an environment stands in a sandbox; tracebacks name it
SCRIPT: Final = Path(__file__).with_name("compile_files.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytecode:
    """cache: `<exact Python>/ab/<sha256 of the wheel>/`, in it the bytecode at the sources' relative paths."""

    cache: Path
    python: Python
    processes: int

    def fill(self, env: Path, lock: Lock) -> int:
        """Give every module of the environment its bytecode; how many had to be compiled."""
        site = env / "lib" / f"python{self.python.minor}" / "site-packages"
        sources = dict(_modules(site))
        fresh: dict[str, list[PurePosixPath]] = {}
        for wheel in lock.wheels:
            modules = sources.get(wheel.name, [])
            if not self._link(self._kept(wheel.sha256), site, modules):
                fresh[wheel.sha256] = modules
        wanted = [module for modules in fresh.values() for module in modules]
        self._compile(site, wanted)
        for digest, modules in fresh.items():
            self._keep(digest, site, modules)
        return len(wanted)

    def _kept(self, digest: str) -> Path:
        return self.cache / self.python.version / digest[:2] / digest

    def _compiled(self, module: PurePosixPath) -> PurePosixPath:
        tag = f"cpython-{self.python.minor.replace('.', '')}"
        return module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc"

    def _link(self, kept: Path, site: Path, modules: list[PurePosixPath]) -> bool:
        """False: nothing is kept of this wheel yet."""
        if not kept.is_dir():
            return False
        made: set[Path] = set()
        for module in modules:
            target = site / self._compiled(module)
            if target.parent not in made:
                target.parent.mkdir(exist_ok=True)
                made.add(target.parent)
            try:
                os.link(kept / module, target)
            except FileNotFoundError:
                continue  # it would not compile then, and will not now
        return True

    def _keep(self, digest: str, site: Path, modules: list[PurePosixPath]) -> None:
        kept = self._kept(digest)
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = Path(mkdtemp(dir=kept.parent, prefix=".new-"))
        for module in modules:
            target = new / module
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(site / self._compiled(module), target)
            except FileNotFoundError:
                continue
        try:
            new.rename(kept)
        except OSError:  # another build was first
            remove(new)

    def _compile(self, site: Path, modules: list[PurePosixPath]) -> None:
        if not modules:
            return
        shown = PurePosixPath(INSIDE) / "lib" / f"python{self.python.minor}" / "site-packages"
        told = [(str(site / m), str(site / self._compiled(m)), str(shown / m)) for m in modules]
        argv = [self.python.path, "-I", "-S", str(SCRIPT), str(self.processes)]
        try:
            ended = run(argv, text=json.dumps(told), seconds=PATIENCE)
        except TimeoutError as error:
            raise BuildFailed(f"Compiling the packages failed: {error}.") from None
        if ended.status != 0:
            raise BuildFailed(f"Compiling the packages failed with status {ended.status}.")


def _modules(site: Path) -> Iterator[tuple[str, list[PurePosixPath]]]:
    """Name of each installed package, and its modules relative to site-packages, as its RECORD lists them."""
    for folder in site.glob("*.dist-info"):
        record = folder / "RECORD"
        if not record.is_file():
            continue
        with record.open(newline="", encoding="utf-8", errors="replace") as lines:
            paths = [PurePosixPath(row[0]) for row in csv.reader(lines) if row]
        safe = [p for p in paths if p.suffix == ".py" and not p.is_absolute() and ".." not in p.parts]
        yield canonicalize_name(folder.name.split("-")[0]), [p for p in safe if (site / p).is_file()]
