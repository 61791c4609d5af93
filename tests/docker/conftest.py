import pytest

from tests.docker.place import DockerPlace, needs_engine
from tests.node.place import needs_root


@pytest.fixture
def place():
    needs_root()
    needs_engine()
    made = DockerPlace()
    made.begin()
    yield made
    made.remove()
