import asyncio
import errno

import pytest

from serving.model_server.event_loop import EventLoop


def test_coroutines_run_in_the_thread_of_the_loop():
    loop = EventLoop()
    assert loop.run(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(TimeoutError):
        loop.run(asyncio.sleep(60), 0.01)
    loop.close()


def test_connections_that_cannot_be_opened_are_told_once(caplog):
    loop = EventLoop()
    for _ in range(3):
        loop._tell(loop._loop, {"message": "accept", "exception": OSError(errno.EMFILE, "Too many open files")})
    loop.close()
    assert [record.message for record in caplog.records] == ["connections have to wait: Too many open files"]
