import gc
import threading
import time
import weakref

import numpy as np
import pytest

from serving.model_server.batcher import Batcher, QueueFull


class Doubling:
    """Answers twice its input, remembers the size of every batch, and can be held up."""

    batch_sizes = (1, 2, 4)

    def __init__(self):
        self.sizes = []
        self.go = threading.Event()
        self.go.set()

    def call(self, signature, inputs):
        self.sizes.append(len(inputs["images"]))
        self.go.wait(10)
        if signature == "broken":
            raise ValueError("no such thing")
        return {"twice": 2 * inputs["images"]}


@pytest.fixture
def version():
    return Doubling()


@pytest.fixture
def batcher():
    batchers = []

    def make(**options):
        batchers.append(Batcher(**options))
        return batchers[-1]

    yield make
    for made in batchers:
        made.stop()


def rows(*values):
    return {"images": np.array(values, np.float32)}


def held_up(batcher, version):
    """Sends a request that holds the thread up, so that what follows waits together."""
    version.go.clear()
    first = batcher.submit(version, "s", rows(0))
    while not version.sizes:
        time.sleep(0.005)
    return first


def test_requests_that_wait_together_go_through_as_one_batch(batcher, version):
    queue = batcher()
    held_up(queue, version)
    waiting = [queue.submit(version, "s", rows(value)) for value in (1, 2, 3)]
    version.go.set()
    assert [future.result(10)["twice"].tolist() for future in waiting] == [[2], [4], [6]]
    assert version.sizes == [1, 4]  # three rows, filled up to an allowed size


def test_other_signatures_and_shapes_go_apart_in_order(batcher, version):
    queue = batcher()
    held_up(queue, version)
    futures = [
        queue.submit(version, "s", rows(1)),
        queue.submit(version, "other", rows(2)),
        queue.submit(version, "other", rows([3, 3])),
    ]
    version.go.set()
    assert [future.result(10)["twice"].tolist() for future in futures] == [[2], [4], [[6, 6]]]
    assert version.sizes == [1, 1, 1, 1]


def test_a_batch_is_never_larger_than_allowed(batcher, version):
    queue = batcher()
    held_up(queue, version)
    futures = [queue.submit(version, "s", rows(1, 2, 3)), queue.submit(version, "s", rows(4, 5))]
    version.go.set()
    assert [future.result(10)["twice"].tolist() for future in futures] == [[2, 4, 6], [8, 10]]
    assert version.sizes == [1, 4, 2]


def test_a_large_request_goes_in_pieces(batcher, version):
    answer = batcher().submit(version, "s", rows(*range(9))).result(10)
    assert answer["twice"].tolist() == [2 * value for value in range(9)]
    assert version.sizes == [4, 4, 1]


def test_more_than_may_wait_is_refused(batcher, version):
    queue = batcher(waiting=2)
    held_up(queue, version)
    for _ in range(2):
        queue.submit(version, "s", rows(1))
    with pytest.raises(QueueFull, match="2 requests wait"):
        queue.submit(version, "s", rows(1))
    version.go.set()


def test_what_nobody_waits_for_is_dropped(batcher, version):
    queue = batcher()
    held_up(queue, version)
    gone, stays = queue.submit(version, "s", rows(1)), queue.submit(version, "s", rows(2))
    gone.cancel()
    version.go.set()
    assert stays.result(10)["twice"].tolist() == [4]
    assert version.sizes == [1, 1]


def test_an_error_reaches_the_client_and_the_thread_lives_on(batcher, version):
    queue = batcher()
    with pytest.raises(ValueError, match="no such thing"):
        queue.submit(version, "broken", rows(1)).result(10)
    assert queue.submit(version, "s", rows(1)).result(10)["twice"].tolist() == [2]


def test_batches_are_observed(batcher, version):
    seen = []
    batcher(observe=seen.append).submit(version, "s", rows(1, 2, 3)).result(10)
    assert seen == [3]


def test_a_large_request_that_nobody_waits_for_any_more_ends_between_its_pieces(batcher, version):
    queue = batcher()
    version.go.clear()
    gone = queue.submit(version, "s", rows(*range(9)))
    while not version.sizes:
        time.sleep(0.005)
    gone.cancel()
    version.go.set()
    assert queue.submit(version, "s", rows(1)).result(10)["twice"].tolist() == [2]
    assert version.sizes == [4, 1]


def test_the_pieces_of_a_large_request_let_others_through(batcher, version):
    queue = batcher()
    version.go.clear()
    large = queue.submit(version, "s", rows(*range(9)))
    while not version.sizes:
        time.sleep(0.005)
    small = queue.submit(version, "s", rows(5))
    version.go.set()
    assert small.result(10)["twice"].tolist() == [10]
    assert large.result(10)["twice"].tolist() == [2 * value for value in range(9)]
    assert version.sizes == [4, 1, 4, 1]


def test_how_long_the_network_is_at_work_is_known(batcher, version):
    queue = batcher()
    held_up(queue, version)
    time.sleep(0.01)
    assert queue.seconds_in_call > 0.005
    version.go.set()
    queue.submit(version, "s", rows(1)).result(10)
    assert queue.stop(10) and queue.seconds_in_call == 0
    with pytest.raises(QueueFull, match="is stopping"):
        queue.submit(version, "s", rows(1))


def test_an_idle_batcher_holds_no_version(batcher):
    queue, version = batcher(), Doubling()
    queue.submit(version, "s", rows(1)).result(10)
    held = weakref.ref(version)
    del version
    for _ in range(100):  # the thread may still be on its way back to the queue
        gc.collect()
        if held() is None:
            return
        time.sleep(0.01)
    pytest.fail("the version is still in memory")


def test_only_a_batch_that_follows_a_joint_one_waits_for_others(batcher, version):
    queue = batcher(linger=30.0)
    assert queue.submit(version, "s", rows(1)).result(10)["twice"].tolist() == [2]  # at once
    version.sizes.clear()
    held_up(queue, version)
    waiting = [queue.submit(version, "s", rows(value)) for value in (1, 2)]
    version.go.set()
    [future.result(10) for future in waiting]
    late = queue.submit(version, "s", rows(3))
    time.sleep(0.05)
    assert not late.done()
    queue.submit(version, "s", rows(4)).result(10)
    assert late.done()
    assert version.sizes == [1, 2, 2]
