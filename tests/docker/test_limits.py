"""Containers are held to their tier as sandboxes are: the suite is tests/contracts/test_limits.py."""

from tests.contracts.test_limits import *  # noqa: F403
from tests.docker.conftest import place  # noqa: F401 instead of the suite's own
