"""What many tests share: a running platform, started as a newcomer would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.platform import Platform, platform


@pytest.fixture(scope="session")
def running() -> Iterator[Platform]:
    """One for the whole run; tests use Spaces with names of their own and leave it as they found it."""
    with platform() as here:
        yield here
