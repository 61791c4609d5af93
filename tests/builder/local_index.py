"""Tiny wheels and an index of them in a folder: what a build needs, without a network."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

PLATFORM = ("gradio", "uvicorn", "websockets", "spaces", "huggingface_hub", "requests")


class LocalIndex:
    """`url` is what `--index` takes; add() puts a wheel into it."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.simple = folder / "simple"
        self.files.mkdir(parents=True)
        self.simple.mkdir()
        self.url = self.simple.as_uri()
        for name in PLATFORM:
            self.add(name, "99.0")
        self.add("gradio", "6.31.0")

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, str] | None = None,
        *,
        needs: Sequence[str] = (),
        tag: str = "py3-none-any",
        claims: Sequence[str] = (),
    ) -> Path:
        """A wheel with these files; without any, one module of the package's name."""
        plain = name.replace("-", "_")
        wheel = self.files / f"{plain}-{version}-{tag}.whl"
        write_wheel(
            wheel, name, version, files or {f"{plain}/__init__.py": f"VERSION = {version!r}\n"}, needs, tag, claims
        )
        self.show(name)
        return wheel

    def show(self, name: str) -> None:
        """List all files of a package."""
        page = self.simple / name.replace("_", "-")
        page.mkdir(exist_ok=True)
        plain = name.replace("-", "_")
        same = sorted((*self.files.glob(f"{plain}-*.whl"), *self.files.glob(f"{plain}-*.tar.gz")))
        links = (f'<a href="{w.as_uri()}#sha256={sha256(w.read_bytes()).hexdigest()}">{w.name}</a><br>' for w in same)
        (page / "index.html").write_text("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>")


def write_wheel(
    wheel: Path,
    name: str,
    version: str,
    files: Mapping[str, str],
    needs: Sequence[str] = (),
    tag: str = "py3-none-any",
    claims: Sequence[str] = (),
) -> None:
    """A valid wheel, its RECORD included. claims: further paths that the RECORD names."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    rows = [f"{path},sha256={_hash(text)},{len(text.encode())}" for path, text in content.items()]
    rows += [f"{path},," for path in claims]
    content[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)


def _hash(text: str) -> str:
    return base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()
