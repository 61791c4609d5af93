"""Containers keep the promises of every engine: the suite is tests/contracts/test_backend.py."""

from tests.contracts.test_backend import *  # noqa: F403
from tests.docker.conftest import place  # noqa: F401 instead of the suite's own
