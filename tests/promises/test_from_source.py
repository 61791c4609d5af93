"""A repo that brings its own package is deployed as it is pushed: built in a sandbox, by the platform's real users."""

from __future__ import annotations

from bench.platform import Platform
from tests.promises.world import Work, app, readme, until

PROJECT = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
NAMED = '[project]\nname = "wording"\nversion = "{version}"\n[tool.setuptools]\npy-modules = ["wording"]\n'
SPOIL = """
import pathlib, setuptools
for place in ("{data}/store/spoilt", "{data}/keys/spoilt", "{data}/builds/spoilt"):
    try:
        pathlib.Path(place).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(place).write_text("spoilt")
    except OSError:
        pass
setuptools.setup()
"""


INSTALLED = '__import__("importlib.metadata").metadata.version("wording")'


def files(here: Platform, version: str) -> dict[str, str | bytes]:
    return {
        "README.md": readme(),
        "app.py": app("VERSION").replace("'VERSION'", INSTALLED),
        "requirements.txt": "-e .\n",
        "pyproject.toml": PROJECT + NAMED.format(version=version),
        "setup.py": SPOIL.format(data=here.data),
        "wording.py": "",
    }


def test_a_package_of_the_repo_is_built_and_follows_each_push(here: Platform) -> None:
    work = Work(here, "brings-its-own")
    for version in ("1.0", "2.0"):
        work.push(files(here, version))
        work.tells(version)
    for place in ("store", "keys", "builds"):
        assert not (here.data / place / "spoilt").exists()
    held = here.data / "builds"
    until(lambda: len(list(held.glob("*/*/made/sources/*/work"))) == 0, "nothing of the builds is left behind")
    here.api("DELETE", "/api/repos/delete", {"name": work.name, "type": "space"})
