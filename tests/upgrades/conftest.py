from __future__ import annotations

from tests.storage.conftest import new, postgres

__all__ = ["new", "postgres"]
