import pytest

from tests.node.outside import outside  # noqa: F401 - a fixture
from tests.node.place import Place, folder, needs_root


@pytest.fixture
def place():
    """As root: with every limit this machine has."""
    needs_root()
    made = Place(folder())
    made.begin()
    yield made
    made.remove()
