"""A listener in its own process: killed, stopped, sent nonsense, short of room; what it logs."""

import contextlib
import json
import signal
import socket
import subprocess
import threading
import time

import numpy as np
import pytest
from pynetdicom import AE, build_context, evt

from serving.listen.inbox import uid_name
from serving.listen.receiver import OUT_OF_RESOURCES, SUCCESS


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "console"


def attempts(folder, study="1.2.3"):
    path = folder / "ledger" / f"{uid_name(study)}.json"
    return json.loads(path.read_text())["runs"] if path.exists() else []


def done(folder, study="1.2.3"):
    return [run["state"] for run in attempts(folder, study)] == ["done"]


def noted(folder):
    """What the listener noted of its work, over all its lives."""
    path = folder.with_suffix(".log")
    return path.read_text().split("\n")[:-1] if path.exists() else []


def test_killed_while_receiving(listener, associate, image, folder, wait_until):
    """Answered images survive the kill, the sender sends the others, each study is done once."""
    studies = ["1.2.3", "1.2.4"]
    images = [image(study, number) for number in range(1, 21) for study in studies]
    first = listener(0)
    association = associate(first.port, images)
    killer = threading.Thread(target=first.kill)
    answered = []
    for one in images:
        if len(answered) == 10:
            killer.start()
        try:
            status = association.send_c_store(one)
        except (RuntimeError, ValueError):
            break
        if status.get("Status") != SUCCESS:
            break
        answered.append(one)
    killer.join()
    assert 10 <= len(answered) < len(images)
    kept = {path.relative_to(folder / "inbox").with_suffix("").parts for path in folder.glob("inbox/*/*.dcm")}
    assert {(uid_name(one.StudyInstanceUID), uid_name(one.SOPInstanceUID)) for one in answered} <= kept
    assert len(kept) <= len(answered) + 1  # one may have been kept, but not answered any more
    second = listener(0)
    association = associate(second.port, images)
    for one in images[len(answered) :]:
        assert association.send_c_store(one).Status == SUCCESS
    association.release()
    wait_until(lambda: all(done(folder, study) for study in studies))
    for study in studies:
        assert noted(folder).count(f"end {uid_name(study)}") == 1
        assert (folder / "results" / uid_name(study) / "1" / "objects.txt").read_text() == "20"
    assert list((folder / ".partial").iterdir()) == []


def test_killed_while_working(listener, send, image, folder, wait_until):
    first = listener(1)
    for study in ("1.2.3", "1.2.4"):
        send(first.port, image(study))
    wait_until(lambda: noted(folder))
    first.kill()
    assert noted(folder) == [f"begin {uid_name('1.2.3')}"] and not (folder / "results").exists()
    listener(0.2)
    wait_until(lambda: done(folder, "1.2.3") and done(folder, "1.2.4"))
    for study in ("1.2.3", "1.2.4"):
        assert noted(folder).count(f"end {uid_name(study)}") == 1
        assert [path.name for path in (folder / "results" / uid_name(study)).iterdir()] == ["1"]
    assert attempts(folder)[0]["starts"] == 2
    assert list((folder / ".work").iterdir()) == []


def test_killed_between_a_result_and_its_record(listener, send, image, folder, wait_until):
    """A result that is there is not made again, though the ledger does not know of it."""
    first = listener(0)
    send(first.port, image())
    wait_until(lambda: done(folder))
    first.kill()
    path = folder / "ledger" / f"{uid_name('1.2.3')}.json"
    path.write_text(path.read_text().replace('"done"', '"running"'))
    listener(0)
    wait_until(lambda: done(folder))
    assert noted(folder).count(f"begin {uid_name('1.2.3')}") == 1


def test_a_study_that_ends_the_service_each_time_is_given_up(listener, send, image, folder, wait_until):
    one = listener(60)
    send(one.port, image())
    for begun in (1, 2, 3):
        wait_until(lambda begun=begun: len(noted(folder)) == begun)
        one.kill()
        one = listener(60)
    wait_until(lambda: [run["state"] for run in attempts(folder)] == ["failed"])
    assert attempts(folder)[0]["reason"] == "The service ended 3 times while it worked on this study."
    assert len(noted(folder)) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_the_study_and_leaves_the_next(listener, send, image, folder, wait_until, number):
    one = listener(0.5)
    for study in ("1.2.3", "1.2.4"):
        send(one.port, image(study))
    wait_until(lambda: noted(folder))
    assert one.end(number) == 0
    assert one.lines[-1] == "stopped"
    assert done(folder, "1.2.3") and attempts(folder, "1.2.4") == []
    listener(0)
    wait_until(lambda: done(folder, "1.2.4"))


def test_a_full_disk_is_told_and_what_was_there_stays(listener, send, image, folder, wait_until):
    one = listener(0, limit="ulimit -f 32")  # no file may become larger than 32 KiB
    assert send(one.port, image(number=1), image(number=2, size=200), image(number=3)) == [
        SUCCESS, OUT_OF_RESOURCES, SUCCESS,
    ]  # fmt: skip
    wait_until(lambda: done(folder))
    assert (folder / "results" / uid_name("1.2.3") / "1" / "objects.txt").read_text() == "2"
    assert list((folder / ".partial").iterdir()) == []
    assert any("could not be kept: File too large" in line for line in one.lines)


def test_nothing_of_the_patient_is_logged(listener, associate, send, image, marker, folder, wait_until):
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
    wait_until(lambda: attempts(folder, "1.2.3") and attempts(folder, marker))
    one.end()
    assert any("AE title NOBODY" in line for line in one.lines)
    assert marker not in "\n".join(one.lines)
    words = subprocess.run(["grep", "-rlI", marker, str(folder)], capture_output=True, text=True, check=False).stdout
    names = "\n".join(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert words == "" and marker not in names and "1.2.3" not in names  # the objects themselves are binary


def conversation(port, image):
    """The bytes of a sender: association request, one object in several PDUs, release request."""
    sent = []
    entity = AE("SCANNER")
    contexts = [build_context(image.SOPClassUID, image.file_meta.TransferSyntaxUID)]
    handlers = [(evt.EVT_DATA_SENT, lambda event: sent.append(event.data))]
    association = entity.associate("127.0.0.1", port, contexts=contexts, ae_title="KGP", evt_handlers=handlers)
    association.send_c_store(image)
    association.release()
    return sent


def mutate(data, rng):
    """Changes some bytes, cuts the end off, or doubles a piece."""
    data = bytearray(data)
    kind = rng.integers(3)
    if kind == 0:
        for index in rng.integers(len(data), size=rng.integers(1, 5)):
            data[index] = rng.integers(256)
    elif kind == 1:
        del data[rng.integers(len(data)) :]
    else:
        start, end = sorted(rng.integers(len(data), size=2))
        data[start:start] = data[start:end]
    return bytes(data)


def test_mutated_conversations_do_no_harm(listener, associate, send, image, marker):
    one = listener(0)
    pieces = conversation(one.port, image("1.2.9"))
    assert len(pieces) >= 4
    rng = np.random.default_rng(6)
    for _ in range(60):
        changed = rng.integers(len(pieces))
        with socket.create_connection(("127.0.0.1", one.port)) as connection, contextlib.suppress(OSError):
            connection.settimeout(0.2)
            for number, piece in enumerate(pieces):
                connection.sendall(mutate(piece, rng) if number == changed else piece)
                if number == 0:
                    connection.recv(100_000)  # the answer to the association request, where there is one
    for _ in range(100):  # until the connections that were left in the middle have ended
        association = associate(one.port)
        if association.is_established:
            break
        time.sleep(0.1)
    association.release()
    assert send(one.port, image("1.2.8")) == [SUCCESS]
    log = "\n".join(one.lines)
    assert "Traceback" not in log and marker not in log
    assert one.end() == 0
