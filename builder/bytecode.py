"""Bytecode of an environment: compiled once per wheel and Python, then linked into every environment with it.

Apps need none of it: it only makes their starts short. So an environment is ready without, and gets what is missing
while apps already run from it; each file appears whole, and means what its source means.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.utils import canonicalize_name

from builder.command import run
from builder.faults import BuildFailed
from builder.lock import Lock
from builder.python import Python

PATIENCE: Final = 3000.0  # seconds
INSIDE: Final = "/env"  # where an environment stands in a sandbox; tracebacks name it
SCRIPT: Final = Path(__file__).with_name("compile_files.py")
CLOSED, OPEN = 0o555, 0o755


@dataclass(frozen=True, kw_only=True)
class Bytecode:
    """Of one environment.

    cache: `<exact Python>/ab/<sha256 of the wheel>/`, in it the bytecode at the sources' relative paths;
    `.part-<sha256>` while it is not complete.
    """

    cache: Path
    python: Python
    env: Path
    lock: Lock

    @cached_property
    def _site(self) -> Path:
        return self.env / "lib" / f"python{self.python.minor}" / "site-packages"

    @cached_property
    def _modules(self) -> dict[str, list[PurePosixPath]]:
        """By digest of the wheel they came with."""
        named = dict(_modules(self._site))
        return {wheel.sha256: named.get(wheel.name, []) for wheel in self.lock.wheels}

    def prepare(self) -> int:
        """Make room for all bytecode and link what is kept; how many modules have none yet."""
        for folder in {self._compiled(module).parent for modules in self._modules.values() for module in modules}:
            folder.mkdir(exist_ok=True)
        missing = [digest for digest in self._modules if not self._kept(digest).is_dir()]
        for digest, modules in self._modules.items():
            if digest not in missing:
                self._link(self._kept(digest), modules)
        return sum(len(self._modules[digest]) for digest in missing)

    def complete(self, *, app: str, processes: int) -> int:
        """Compile what is missing into the cache and link it; how many modules were compiled.

        May be killed at any time and begun again; it goes on where it was. app: its file; what that imports comes
        first. Raises: BuildFailed, OSError: the environment was removed meanwhile.
        """
        missing = [digest for digest in self._modules if not self._kept(digest).is_dir()]
        with self._open():
            for digest in self._modules:
                kept = self._part(digest) if digest in missing else self._kept(digest)
                self._link(kept, self._modules[digest])
            wanted = [(digest, m) for digest in missing for m in self._modules[digest] if not self._has(digest, m)]
            self._compile(wanted, app, processes)
        for digest in missing:
            self._part(digest).mkdir(parents=True, exist_ok=True)
            self._part(digest).rename(self._kept(digest))
        return len(wanted)

    def _kept(self, digest: str) -> Path:
        return self.cache / self.python.version / digest[:2] / digest

    def _part(self, digest: str) -> Path:
        return self._kept(digest).with_name(f".part-{digest}")

    def _has(self, digest: str, module: PurePosixPath) -> bool:
        return (self._part(digest) / module).is_file()

    def _compiled(self, module: PurePosixPath) -> Path:
        """Its place in the environment."""
        tag = f"cpython-{self.python.minor.replace('.', '')}"
        return self._site / module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc"

    def _link(self, kept: Path, modules: list[PurePosixPath]) -> None:
        """What is not there would not compile, and will not now, or has its turn yet."""
        for module in modules if kept.is_dir() else ():
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                self._compiled(module).hardlink_to(kept / module)

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        """The folders of bytecode can be written by us, and by nobody afterwards; all others stay closed."""
        folders = {self._compiled(module).parent for modules in self._modules.values() for module in modules}
        try:
            for folder in folders:
                folder.chmod(OPEN)
            yield
        finally:
            for folder in folders:
                with contextlib.suppress(FileNotFoundError):
                    folder.chmod(CLOSED)

    def _compile(self, wanted: list[tuple[str, PurePosixPath]], app: str, processes: int) -> None:
        if not wanted:
            return
        shown = PurePosixPath(INSIDE) / "lib" / f"python{self.python.minor}" / "site-packages"
        modules = {
            _dotted(m): [str(path) for path in (self._site / m, self._part(digest) / m, self._compiled(m), shown / m)]
            for digest, m in wanted
        }
        argv = [self.python.path, "-I", "-S", str(SCRIPT), str(processes)]
        try:
            ended = run(argv, text=json.dumps({"modules": modules, "app": app}), seconds=PATIENCE)
        except TimeoutError as error:
            raise BuildFailed(f"Compiling the packages failed: {error}.") from None
        if ended.status != 0:
            said = ended.err.strip().splitlines()
            raise BuildFailed(f"Compiling the packages failed with status {ended.status}. {said[-1] if said else ''}")


def _dotted(module: PurePosixPath) -> str:
    """As it is imported."""
    parts = module.parent.parts if module.name == "__init__.py" else module.with_suffix("").parts
    return ".".join(parts)


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
