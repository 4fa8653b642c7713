import asyncio

import pytest

from serving.model_server.event_loop import EventLoop


def test_coroutines_run_in_the_thread_of_the_loop():
    loop = EventLoop()
    assert loop.run(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(TimeoutError):
        loop.run(asyncio.sleep(60), 0.01)
    loop.close()
