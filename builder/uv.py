"""Runs uv, with an environment made from nothing: no secret of the caller, no configuration but ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from uv import find_uv_bin

from builder.command import Ended, run
from builder.faults import BuildFailed
from builder.python import Python
from builder.sources import through

MAJOR: Final = "0"  # of uv; part of an environment's name, for the layout it makes


@dataclass(frozen=True, slots=True, kw_only=True)
class Uv:
    """cache: on one mount with the environments, so that files are linked. ca, proxy: as in Sources."""

    cache: Path
    ca: str = ""
    proxy: str = ""
    binary: str = field(default_factory=find_uv_bin)

    def run(self, *arguments: str, cwd: Path, seconds: float, retries: int = 3) -> Ended:
        """One command. Raises: BuildFailed when it takes longer than `seconds`."""
        env = {"HOME": str(cwd), "TMPDIR": str(self.cache / "tmp"), "UV_CACHE_DIR": str(self.cache / "uv")}
        env |= {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_LINK_MODE": "hardlink"}
        env |= {"UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_HTTP_RETRIES": str(retries)}
        env |= {"SSL_CERT_FILE": self.ca} if self.ca else {}
        env |= {"GIT_ALLOW_PROTOCOL": "https:http", "GIT_HTTP_PROXY_AUTHMETHOD": "basic", **through(self.proxy)}
        (self.cache / "tmp").mkdir(parents=True, exist_ok=True)
        try:
            return run([self.binary, *arguments], cwd=cwd, env=env, seconds=seconds)
        except TimeoutError:
            raise BuildFailed(f"Installing packages took longer than {seconds:.0f} s and was ended.") from None

    def compile(self, python: Python, *arguments: str, cwd: Path, seconds: float, retries: int = 3) -> Ended:
        """Resolve."""
        fixed = ("pip", "compile", "-q", "--only-binary", ":all:", "--no-header", "--format", "pylock.toml")
        told = (*fixed, "-p", python.path, *arguments)
        return self.run(*told, cwd=cwd, seconds=seconds, retries=retries)
