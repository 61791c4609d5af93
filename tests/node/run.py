"""How a test of the node runs: in one loop, with a deadline, and everything ended after it."""

import asyncio


def run(place, work, seconds=60):
    async def whole():
        try:
            async with asyncio.timeout(seconds):
                await work()
        finally:
            await place.end()

    asyncio.run(whole())
