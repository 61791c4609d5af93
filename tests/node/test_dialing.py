"""Connections into Spaces for a gateway: an app that takes none is nobody else's delay."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from spaces_runtime.backends.process.dialer import NodeDialer
from spaces_runtime.domain.ids import InstanceId
from spaces_runtime.node.dialing import Dialing

pytestmark = pytest.mark.anyio
QUICK, STUCK = InstanceId("quick"), InstanceId("stuck")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_one_app_with_a_full_backlog_delays_no_other(tmp_path: Path) -> None:
    full = asyncio.Event()
    with socket.socket() as app, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        app.bind(("127.0.0.1", 0))
        app.listen()
        listener.bind(str(tmp_path / "dial.sock"))
        listener.listen()
        listener.setblocking(False)

        async def dial(instance: InstanceId) -> socket.socket:
            if instance == STUCK:
                full.set()
                await asyncio.Event().wait()
            return socket.create_connection(app.getsockname())

        serving = asyncio.create_task(Dialing(listener, dial, frozenset((os.getuid(),))).serve())
        dialer = NodeDialer(tmp_path / "dial.sock")
        stuck = asyncio.create_task(dialer.dial(STUCK))
        await full.wait()
        async with asyncio.timeout(5):
            for _ in range(3):
                with await dialer.dial(QUICK) as made:
                    assert made.getpeername() == app.getsockname()
        assert not stuck.done()
        dialer.close()
        with pytest.raises(Exception, match="Cannot reach the node"):
            await stuck
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
