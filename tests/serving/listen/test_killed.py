"""A listener in a process of its own that is killed, told to stop, or has no room; and what it writes to its log."""

import json
import signal
import subprocess
import threading

import pytest

from serving.dicom_receiver import OUT_OF_RESOURCES, SUCCESS
from serving.inbox import uid_name


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "console"


def runs(folder, study="1.2.3"):
    path = folder / "ledger" / f"{uid_name(study)}.json"
    return json.loads(path.read_text())["runs"] if path.exists() else []


def done(folder, study="1.2.3"):
    return [run["state"] for run in runs(folder, study)] == ["done"]


def noted(folder):
    """What the listener noted of its work, over all its lives."""
    path = folder.with_suffix(".log")
    return path.read_text().split("\n")[:-1] if path.exists() else []


def test_killed_while_receiving(listener, associate, image, folder, eventually):
    """Every image that was answered is there after the kill; the sender sends the others anew; each study is done once."""
    studies = ["1.2.3", "1.2.4"]
    images = [image(study, number) for number in range(1, 41) for study in studies]
    first = listener(0)
    association = associate(first.port, images)
    killer = threading.Thread(target=first.kill)
    answered = []
    for one in images:
        if len(answered) == 20:
            killer.start()
        try:
            status = association.send_c_store(one)
        except (RuntimeError, ValueError):
            break
        if status.get("Status") != SUCCESS:
            break
        answered.append(one)
    killer.join()
    assert 20 <= len(answered) < len(images)
    kept = {path.relative_to(folder / "inbox").with_suffix("").parts for path in folder.glob("inbox/*/*.dcm")}
    assert {(uid_name(one.StudyInstanceUID), uid_name(one.SOPInstanceUID)) for one in answered} <= kept
    assert len(kept) <= len(answered) + 1  # one may have been kept, but not answered any more
    second = listener(0)
    association = associate(second.port, images)
    for one in images[len(answered) :]:
        assert association.send_c_store(one).Status == SUCCESS
    association.release()
    eventually(lambda: all(done(folder, study) for study in studies))
    for study in studies:
        assert noted(folder).count(f"end {uid_name(study)}") == 1
        assert (folder / "results" / uid_name(study) / "1" / "objects.txt").read_text() == "40"
    assert list((folder / ".partial").iterdir()) == []


def test_killed_while_working(listener, send, image, folder, eventually):
    first = listener(1.5)
    for study in ("1.2.3", "1.2.4"):
        send(first.port, image(study))
    eventually(lambda: noted(folder))
    first.kill()
    assert noted(folder) == [f"begin {uid_name('1.2.3')}"] and not (folder / "results").exists()
    listener(0.2)
    eventually(lambda: done(folder, "1.2.3") and done(folder, "1.2.4"))
    for study in ("1.2.3", "1.2.4"):
        assert noted(folder).count(f"end {uid_name(study)}") == 1
        assert [path.name for path in (folder / "results" / uid_name(study)).iterdir()] == ["1"]
    assert runs(folder)[0]["starts"] == 2
    assert list((folder / ".work").iterdir()) == []


def test_killed_between_a_result_and_its_record(listener, send, image, folder, eventually):
    """A result that is there is not made again, though the ledger does not know of it."""
    first = listener(0)
    send(first.port, image())
    eventually(lambda: done(folder))
    first.kill()
    path = folder / "ledger" / f"{uid_name('1.2.3')}.json"
    path.write_text(path.read_text().replace('"done"', '"running"'))
    listener(0)
    eventually(lambda: done(folder))
    assert noted(folder).count(f"begin {uid_name('1.2.3')}") == 1


def test_a_study_that_ends_the_service_each_time_is_given_up(listener, send, image, folder, eventually):
    one = listener(60)
    send(one.port, image())
    for begun in (1, 2, 3):
        eventually(lambda begun=begun: len(noted(folder)) == begun)
        one.kill()
        one = listener(60)
    eventually(lambda: [run["state"] for run in runs(folder)] == ["failed"])
    assert runs(folder)[0]["reason"] == "The service ended 3 times while it worked on this study."
    assert len(noted(folder)) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_the_study_and_leaves_the_next(listener, send, image, folder, eventually, number):
    one = listener(1)
    for study in ("1.2.3", "1.2.4"):
        send(one.port, image(study))
    eventually(lambda: noted(folder))
    assert one.end(number) == 0
    assert one.lines[-1] == "stopped"
    assert done(folder, "1.2.3") and runs(folder, "1.2.4") == []
    listener(0)
    eventually(lambda: done(folder, "1.2.4"))


def test_a_full_disk_is_told_and_what_was_there_stays(listener, send, image, folder, eventually):
    one = listener(0, limit="ulimit -f 32")  # no file may become larger than 32 KiB
    assert send(one.port, image(number=1), image(number=2, size=200), image(number=3)) == [
        SUCCESS, OUT_OF_RESOURCES, SUCCESS,
    ]  # fmt: skip
    eventually(lambda: done(folder))
    assert (folder / "results" / uid_name("1.2.3") / "1" / "objects.txt").read_text() == "2"
    assert list((folder / ".partial").iterdir()) == []
    assert any("could not be kept: File too large" in line for line in one.lines)


def test_nothing_of_the_patient_is_logged(listener, associate, send, image, marker, folder, eventually):
    one = listener(0)
    send(one.port, image(StudyDate=marker, PatientBirthDate=marker, PatientAge=marker))
    wrong = image(number=2)
    association = associate(one.port, [wrong])
    wrong.SOPInstanceUID = marker
    association.send_c_store(wrong)
    wrong.StudyInstanceUID = marker
    association.send_c_store(wrong)
    association.abort()
    associate(one.port, calling="NOBODY", called="OTHER")
    eventually(lambda: runs(folder, "1.2.3") and runs(folder, marker))
    one.end()
    assert any("AE title NOBODY" in line for line in one.lines)
    assert marker not in "\n".join(one.lines)
    words = subprocess.run(["grep", "-rlI", marker, str(folder)], capture_output=True, text=True, check=False).stdout
    names = "\n".join(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert words == "" and marker not in names and "1.2.3" not in names  # the objects themselves are binary
