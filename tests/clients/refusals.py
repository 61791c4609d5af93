"""How a client shows what this hub does not offer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from huggingface_hub.errors import HfHubHTTPError

from tests.clients.conftest import Hf


def not_offered(what: str, call: Callable[[], object]) -> None:
    """The client's error is a 501 that names what there is not."""
    with pytest.raises(HfHubHTTPError) as caught:
        _done(call)
    assert caught.value.response is not None
    assert caught.value.response.status_code == 501, str(caught.value)
    assert f"Cannot use {what}: this hub does not have it" in str(caught.value)


def _done(call: Callable[[], object]) -> None:
    made = call()
    if isinstance(made, Iterator):
        next(made, None)  # the client asks when it is read


def command_not_offered(hf: Hf, what: str, *commands: str) -> None:
    """The same from the command line: it ends with an error that says so, and no trace."""
    for command in commands:
        said = hf(*command.split(), fails=True)
        assert f"Cannot use {what}: this hub does not have it" in said, f"hf {command}: {said}"
        assert "Traceback" not in said
