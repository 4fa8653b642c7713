import threading
import time

from serving.listen.arrivals import Arrivals


def test_a_study_is_complete_once_it_was_quiet():
    arrivals = Arrivals(0.2, max_waiting=5)
    began = time.monotonic()
    arrivals.touch("study")
    while (taken := arrivals.take()) is None:
        time.sleep(0.01)
    assert taken == "study" and time.monotonic() - began >= 0.2
    assert arrivals.take() is None


def test_a_study_waits_for_its_senders_only():
    arrivals = Arrivals(0.1, max_waiting=5)
    gone = threading.Event()
    sender = threading.Thread(target=gone.wait)
    sender.start()
    arrivals.touch("slow", sender)
    arrivals.touch("other")
    time.sleep(0.15)
    assert (arrivals.take(), arrivals.take()) == ("other", None)
    gone.set()
    sender.join()
    time.sleep(0.05)
    assert arrivals.take() is None  # quiet counts from when the sender was last seen
    time.sleep(0.1)
    assert arrivals.take() == "slow"


def test_the_longest_waiting_comes_first():
    arrivals = Arrivals(0.0, max_waiting=5)
    for name in ("a", "b", "a"):
        arrivals.touch(name)
        time.sleep(0.01)
    assert [arrivals.take(), arrivals.take()] == ["b", "a"]


def test_the_queue_is_bounded_for_new_studies_from_outside():
    arrivals = Arrivals(0.0, max_waiting=2)
    sender = threading.current_thread()
    assert arrivals.touch("a", sender) and arrivals.touch("b", sender)
    assert not arrivals.touch("c", sender)
    assert arrivals.touch("a", sender)
    assert arrivals.touch("c")  # one of an earlier process, which is on disk already
