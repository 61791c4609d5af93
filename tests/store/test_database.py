from __future__ import annotations

from pathlib import Path

import pytest

from spaces_runtime.domain.errors import Invalid
from spaces_runtime.store.database import Database, parsed, sqlite_url


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"])
def test_postgresql_is_spoken_by_one_driver_however_it_is_written(url: str) -> None:
    assert parsed(url).drivername == "postgresql+psycopg"
    assert parsed(url).password == "p"


@pytest.mark.parametrize("url", ["mysql://u:p@h/d", "nonsense", "sqlite://"])
def test_an_address_that_cannot_work_says_what_can(url: str) -> None:
    with pytest.raises(Invalid, match="Use postgresql://"):
        Database(url)


def test_a_path_survives_as_an_address(tmp_path: Path) -> None:
    path = tmp_path / "with space and %" / "db.sqlite"
    assert parsed(sqlite_url(path)).database == str(path)
