"""Sources to be built: a build backend of their own, so that no index has to offer one."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.builder.local_index import LocalIndex

BACKEND = """
import os, zipfile
NAME, VERSION, REQUIRES = {name!r}, {version!r}, {requires!r}

def get_requires_for_build_wheel(config_settings=None):
    return {dynamic!r}

def build_wheel(folder, config_settings=None, metadata_directory=None):
    text = "MADE = 'here'\\n"
    {code}
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    file = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    needs = "".join(f"Requires-Dist: {{need}}\\n" for need in REQUIRES)
    files = {{
        f"{{NAME}}/__init__.py": text,
        f"{{info}}/METADATA": f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n{{needs}}",
        f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    files[f"{{info}}/RECORD"] = "".join(f"{{path}},,\\n" for path in [*files, f"{{info}}/RECORD"])
    with zipfile.ZipFile(os.path.join(folder, file), "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    return file
"""


def source(
    name: str, version: str = "1.0", *, code: str = "pass", requires: tuple[str, ...] = (),
    tools: tuple[str, ...] = (), dynamic: tuple[str, ...] = (),
) -> dict[str, str]:  # fmt: skip
    """Files of a package. code: statements that run while it is built; they may set `text`, its module.

    tools: what its build needs; dynamic: what it says only while it runs.
    """
    inside = code.strip().replace("\n", "\n    ")
    backend = BACKEND.format(name=name, version=version, requires=requires, dynamic=list(dynamic), code=inside)
    project = f'[build-system]\nrequires = {list(tools)}\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    project += f'[project]\nname = "{name}"\nversion = "{version}"\n'
    return {"pyproject.toml": project, "backend.py": backend}


def archive(folder: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """A source distribution."""
    told = {"PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", **files}
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        for place, text in told.items():
            member = tarfile.TarInfo(f"{name}-{version}/{place}")
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    return path


def offer(index: LocalIndex, name: str, version: str = "1.0", **more: object) -> Path:
    """Put a source distribution, and no wheel, on the index."""
    path = archive(index.files, name, version, source(name, version, **more))  # type: ignore[arg-type]
    index.show(name)
    return path
