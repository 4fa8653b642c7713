import dataclasses
import errno
import shutil

import pytest
from pydicom.uid import EnhancedSRStorage, MRImageStorage

from serving.listen.forwarder import Forwarder
from serving.listen.ledger import DONE, RUNNING, Attempt, ListenLedger
from serving.listen.sender import Destination


@pytest.fixture
def ledger(tmp_path):
    (tmp_path / "scratch").mkdir()
    return ListenLedger(tmp_path / "ledger", tmp_path / "scratch")


@pytest.fixture
def result(ledger, tmp_path, image):
    """Records a finished attempt over an image and a structured report, and writes its objects."""

    def make(study="study", number=1, **changes):
        folder = tmp_path / "results" / study / str(number) / "dicom"
        folder.mkdir(parents=True)
        for index, kind in enumerate((MRImageStorage, EnhancedSRStorage)):
            image(number=10 * number + index, kind=kind).save_as(folder / f"{index}.dcm", enforce_file_format=True)
        ledger.record(study, dataclasses.replace(Attempt(number, "abc", 3, state=DONE, forward=True), **changes))

    return make


@pytest.fixture
def forwarder(ledger, tmp_path, monkeypatch):
    """Starts a forwarder to a port with short pauses."""
    monkeypatch.setattr("serving.listen.forwarder.FIRST_PAUSE", 0.05)
    monkeypatch.setattr("serving.listen.forwarder.MAX_PAUSE", 0.2)
    started = []

    def start(port):
        started.append(Forwarder(Destination("ARCHIVE", "127.0.0.1", port), "KGP", ledger, tmp_path / "results"))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()


def sent(ledger, study="study"):
    return ledger.last(study).sent


def test_results_are_sent_once(archive, ledger, result, forwarder, wait_until):
    there = archive()
    result()
    first = forwarder(there.port)
    wait_until(lambda: sent(ledger) == {"0.dcm": "accepted", "1.dcm": "accepted"})
    first.stop()
    result("other")
    forwarder(there.port)  # as after a restart
    wait_until(lambda: len(sent(ledger, "other")) == 2)
    assert there.received == ["1.2.3.1.10", "1.2.3.1.11"] * 2


def test_an_object_is_sent_once_though_its_record_cannot_be_written(
    archive, ledger, result, forwarder, wait_until, caplog, monkeypatch
):
    there = archive()
    result()
    with monkeypatch.context() as full:
        full.setattr(ledger, "record", fail)
        forwarder(there.port)
        wait_until(lambda: caplog.text.count("cannot be sent: No space left on device") > 1)
    wait_until(lambda: sent(ledger) == {"0.dcm": "accepted", "1.dcm": "accepted"})
    assert there.received == ["1.2.3.1.10", "1.2.3.1.11"]


def fail(study, attempt):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_results_wait_until_the_destination_is_there(archive, ledger, result, forwarder, wait_until, caplog):
    there = archive()
    there.stop()
    result()
    forwarder(there.port)
    wait_until(lambda: caplog.text.count("cannot be reached") > 2)
    assert sent(ledger) == {}
    again = archive(port=there.port)
    wait_until(lambda: len(sent(ledger)) == 2)
    assert len(again.received) == 2


def test_only_what_was_not_accepted_is_sent_again(archive, ledger, result, forwarder, wait_until):
    statuses = {MRImageStorage: 0x0000, EnhancedSRStorage: 0xA700}
    there = archive(status_of=lambda kind: statuses[kind])
    result()
    forwarder(there.port)
    wait_until(lambda: sent(ledger) == {"0.dcm": "accepted"})
    statuses[EnhancedSRStorage] = 0x0000
    wait_until(lambda: len(sent(ledger)) == 2)
    assert there.received == ["1.2.3.1.10", "1.2.3.1.11"]


def test_a_refusal_is_final_and_recorded(archive, ledger, result, forwarder, wait_until, caplog):
    there = archive(status_of=lambda kind: 0x0000 if kind == MRImageStorage else 0xC000)
    result()
    forwarder(there.port)
    wait_until(lambda: sent(ledger) == {"0.dcm": "accepted", "1.dcm": "refused (0xC000)"})
    wait_until(lambda: "refused (0xC000) 1.dcm of study study" in caplog.text)  # logged once it is recorded


def test_a_result_that_is_not_taken_does_not_hold_up_others(archive, ledger, result, forwarder, wait_until, tmp_path):
    there = archive()
    result("a")
    (tmp_path / "results" / "a" / "1" / "dicom" / "0.dcm").write_bytes(b"no DICOM")
    result("b")
    forwarder(there.port)
    wait_until(lambda: len(sent(ledger, "b")) == 2)


def test_what_is_not_meant_for_it_is_not_sent(archive, ledger, result, forwarder, wait_until, tmp_path):
    there = archive()
    result("a", forward=False)
    result("b", state=RUNNING)
    result("c")
    shutil.rmtree(tmp_path / "results" / "c")
    result("d")
    forwarder(there.port)
    wait_until(lambda: len(sent(ledger, "d")) == 2)
    assert len(there.received) == 2


def test_a_result_whose_ledger_was_removed_is_not_sent(archive, ledger, result, forwarder, wait_until, tmp_path):
    there = archive()
    result("a")
    (tmp_path / "ledger" / "a.json").unlink()
    result("b")
    made = forwarder(there.port)
    made.add("a", 1)
    made.add("b", 1)
    wait_until(lambda: len(sent(ledger, "b")) == 2)
    assert len(there.received) == 2
    assert ledger.studies() == ["b"]
