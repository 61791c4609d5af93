"""No store without its contract: what keeps something in the database is run on each kind of database."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import spaces_runtime.store
from spaces_runtime.store.database import Database

HERE = Path(__file__).parent


def stores() -> Iterator[type]:
    """The classes that take a Database."""
    for module in pkgutil.walk_packages(spaces_runtime.store.__path__, "spaces_runtime.store."):
        if ".migrations.versions" in module.name or module.name.endswith(".env"):
            continue  # run by the migrations alone
        for _, found in inspect.getmembers(import_module(module.name), inspect.isclass):
            if found.__module__ == module.name and takes(found, Database):
                yield found


def takes(made: type, what: type) -> bool:
    hints = inspect.get_annotations(made.__init__)  # texts: every module of ours has its annotations so
    return what.__name__ in hints.values()


def test_each_class_that_takes_a_database_is_named_by_a_contract() -> None:
    found = {each.__name__ for each in stores()}
    assert {"SqlIndex", "SqlDiscussions", "SqlXetNames"} <= found
    contracts = "\n".join(path.read_text() for path in HERE.glob("test_*.py") if path != Path(__file__))
    assert {name for name in found if f"{name}(" not in contracts} == set()
