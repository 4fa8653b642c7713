"""Marks of associations that were not released; see also test_worker.py."""

import threading

import pytest

from serving.listen.receptions import Receptions


@pytest.fixture
def open_association():
    """Starts threads that stand for associations; each is ended by `end`."""
    ends = []

    def start():
        event = threading.Event()
        thread = threading.Thread(target=event.wait)
        thread.end = lambda: (event.set(), thread.join())
        ends.append(thread.end)
        thread.start()
        return thread

    yield start
    for end in ends:
        end()


@pytest.fixture
def receptions(tmp_path):
    (tmp_path / ".partial").mkdir()
    return lambda: Receptions(tmp_path / "inbox", tmp_path / ".partial")


def test_an_association_that_is_not_released_leaves_its_mark_until_its_sender_comes_again(
    receptions, open_association, tmp_path
):
    first, now = open_association(), receptions()
    now.begin(first, "MR1", "study")
    now.begin(first, "MR1", "study")
    assert not now.is_cut_short("study")  # it is open
    first.end()
    assert now.is_cut_short("study") and not now.is_cut_short("other")
    now = receptions()  # of another process
    assert now.is_cut_short("study")
    stranger, sender = open_association(), open_association()
    now.begin(stranger, "PACS", "study")
    now.release(stranger)
    assert now.is_cut_short("study")
    now.begin(sender, "MR1", "study")
    assert now.is_cut_short("study")
    now.release(sender)
    assert not now.is_cut_short("study") and list((tmp_path / "inbox").iterdir()) == []


def test_an_association_beside_it_does_not_take_the_mark_away(receptions, open_association):
    now, lost, released = receptions(), open_association(), open_association()
    now.begin(lost, "MR1", "study")
    now.begin(released, "MR1", "study")
    lost.end()
    now.release(released)
    assert now.is_cut_short("study")
