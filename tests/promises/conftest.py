"""One platform for the promises that need no process killed; with a tier that is quickly used up."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bench.platform import Platform, free_port, platform
from tests.promises.world import Work

MIB = 2**20
METRICS = free_port()
SETTINGS = f"""
metrics = "127.0.0.1:{METRICS}"
[[hardware]]
name = "cpu-basic"
cpus = 2.0
memory = {16384 * MIB}
disk = {51200 * MIB}

[[hardware]]
name = "small"
cpus = 2.0
memory = {192 * MIB}
disk = {1024 * MIB}
"""


@pytest.fixture(scope="package")
def here() -> Iterator[Platform]:
    before = os.umask(0o077)  # an operator may be careful
    try:
        with platform(SETTINGS) as made:
            os.umask(before)
            yield made
    finally:
        os.umask(before)


@pytest.fixture(scope="package")
def steady(here: Platform) -> Work:
    """A Space that has done nothing wrong."""
    work = Work(here, "steady")
    work.deploy()
    return work
