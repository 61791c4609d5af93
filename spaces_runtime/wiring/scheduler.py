"""temporary"""
async def run(settings, stop):
    await stop.wait()
