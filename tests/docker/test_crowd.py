"""Ten containers asked for at once keep what ten sandboxes keep: the suite is tests/scheduler/test_crowd.py."""

from tests.docker.conftest import place  # noqa: F401 - a fixture, of containers
from tests.scheduler.test_crowd import (  # noqa: F401 - by name: all of it would bring the other place
    anyio_backend,
    house,
    pytestmark,
    server,
    test_all_are_answered_and_none_fails,
    test_where_there_is_not_room_for_all_who_asked_first_is_answered_first,
)
