"""films: 3,201 films with genre, kind of story and source, as the Vega project hands them out; not changed."""

from __future__ import annotations

import tarfile
from pathlib import Path

from example_spaces.fetch.packages import Package, npm_tarball

PACKAGE = Package(
    name="vega-datasets",
    version="3.2.1",
    sha256="6f72fda460a9863fae5fcb32f85bcd49e1761fdea6dc6cf9f4962472881cc5a3",
    size=17_630_305,
    download=npm_tarball,
)
INSIDE = "package/data/movies.json"


def build(packages: tuple[Path, ...], folder: Path) -> None:
    """movies.json, byte for byte."""
    with tarfile.open(packages[0]) as archive:
        member = archive.extractfile(INSIDE)
        if member is None:
            raise ValueError(f"{PACKAGE.pin} has no {INSIDE}")
        (folder / "movies.json").write_bytes(member.read())
