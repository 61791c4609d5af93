"""Pages of a running hub, read as a browser without script reads them."""

from __future__ import annotations

from tests.hub.conftest import ann, api, bob, client, data, hub, make, root  # noqa: F401 - fixtures
