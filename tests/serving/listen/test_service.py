import json
import os
import time

import pytest

from kgp.errors import KgpError
from serving.listen.inbox import uid_name
from serving.listen.receiver import OUT_OF_RESOURCES, SUCCESS, ReceiverOptions
from serving.listen.service import ListenService


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "console"


def attempts(folder, study="1.2.3"):
    path = folder / "ledger" / f"{uid_name(study)}.json"
    return json.loads(path.read_text())["runs"] if path.exists() else []


def states(folder, study="1.2.3"):
    return [run["state"] for run in attempts(folder, study)]


def objects(folder, study="1.2.3", number=1):
    """The numbers of the objects that a result was made of."""
    return (folder / "results" / uid_name(study) / str(number) / "objects.txt").read_text()


def test_a_study_becomes_a_result(service, send, image, folder, wait_until):
    port = service().port
    assert send(port, *[image(number=number) for number in (1, 2, 3)]) == [SUCCESS] * 3
    wait_until(lambda: states(folder) == ["done"])
    assert objects(folder) == "1 2 3"
    (run,) = attempts(folder)
    assert (run["objects"], run["starts"], run["forward"], run["reason"]) == (3, 1, False, "")
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock",
        ".partial",
        ".work",
        "inbox",
        "ledger",
        "results",
    ]
    assert not any(list((folder / name).iterdir()) for name in (".partial", ".work"))


def test_two_studies_interleaved_are_told_apart(service, associate, image, folder, wait_until):
    port = service().port
    images = [image(study, number) for number in (1, 2, 3) for study in ("1.2.3", "1.2.4")]
    association = associate(port, images)
    for one in images:
        assert association.send_c_store(one).Status == SUCCESS
        time.sleep(0.15)  # a study alone would have been quiet for long enough
    assert states(folder) == states(folder, "1.2.4") == []
    association.release()
    wait_until(lambda: states(folder) == states(folder, "1.2.4") == ["done"])
    assert objects(folder) == objects(folder, "1.2.4") == "1 2 3"


def test_a_study_over_several_associations_is_one(service, send, image, folder, wait_until):
    port = service(quiet=1.0).port
    for number in (1, 2, 3):
        send(port, image(number=number))
    wait_until(lambda: states(folder) == ["done"])
    assert objects(folder) == "1 2 3"


def test_duplicates_are_one_object_and_no_further_result(service, send, image, folder, wait_until):
    port = service().port
    assert send(port, image(), image(), image(number=2)) == [SUCCESS] * 3
    wait_until(lambda: states(folder) == ["done"])
    assert send(port, image(), image(number=2)) == [SUCCESS] * 2
    send(port, image("1.2.4"))
    wait_until(lambda: states(folder, "1.2.4") == ["done"])
    assert states(folder) == ["done"] and objects(folder) == "1 2"


def test_new_objects_make_a_further_result(service, send, image, folder, wait_until):
    port = service().port
    send(port, image(number=1))
    wait_until(lambda: states(folder) == ["done"])
    send(port, image(number=2))
    wait_until(lambda: states(folder) == ["done", "done"])
    assert objects(folder, number=1) == "1" and objects(folder, number=2) == "1 2"


def test_a_failed_study_is_recorded_and_left(service, send, image, folder, wait_until, caplog):
    calls = []

    def fail(study, result, **circumstances):
        calls.append(study)
        raise KgpError("The study lacks FLAIR.")

    first = service(fail)
    send(first.port, image())
    wait_until(lambda: states(folder) == ["failed"])
    assert attempts(folder)[0]["reason"] == "The study lacks FLAIR."
    first.stop()  # the log is written after the ledger
    assert f"study {uid_name('1.2.3')} failed: The study lacks FLAIR." in caplog.text
    second = service(fail)
    send(second.port, image("1.2.4"))
    wait_until(lambda: states(folder, "1.2.4") == ["failed"])
    assert states(folder) == ["failed"] and len(calls) == 2
    send(second.port, image())  # the sender tries again
    wait_until(lambda: states(folder) == ["failed", "failed"])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("MARKERNAME"), "An unexpected OSError was raised in test_service.py:"),
        (IndexError("MARKERNAME"), "An unexpected IndexError was raised in test_service.py:"),
    ],
)
def test_what_nobody_foresaw_fails_one_study_only(
    service, send, image, folder, wait_until, counting, caplog, marker, error, reason
):
    def process(study, result, **circumstances):
        if study.name == uid_name("1.2.3"):
            raise error
        counting(study, result)

    port = service(process).port
    send(port, image())
    wait_until(lambda: states(folder) == ["failed"])
    assert reason in attempts(folder)[0]["reason"]
    send(port, image("1.2.4"))
    wait_until(lambda: states(folder, "1.2.4") == ["done"])
    assert marker not in caplog.text + json.dumps(attempts(folder))


def test_received_objects_are_discarded_on_request_and_after_success_only(
    service, send, image, folder, wait_until, counting
):
    def process(study, result, **circumstances):
        if study.name == uid_name("1.2.4"):
            raise KgpError("No.")
        counting(study, result)

    port = service(process, discard=True).port
    send(port, image())
    send(port, image("1.2.4"))
    wait_until(lambda: states(folder) == ["done"] and states(folder, "1.2.4") == ["failed"])
    wait_until(lambda: [path.name for path in (folder / "inbox").iterdir()] == [uid_name("1.2.4")])
    assert objects(folder) == "1"


def test_objects_that_come_during_the_work_are_not_discarded(service, send, image, folder, wait_until, counting):
    def process(study, result, **circumstances):
        counting(study, result)
        if len(list(study.iterdir())) == 1:
            send(started.port, image(number=2))

    started = service(process, discard=True)
    send(started.port, image(number=1))
    wait_until(lambda: states(folder) == ["done", "done"])
    assert objects(folder, number=2) == "1 2"


def test_results_are_sent_on(service, send, image, folder, wait_until, archive):
    there = archive()
    first = service(forward=there.port)
    send(first.port, image())
    wait_until(lambda: attempts(folder) and attempts(folder)[0]["sent"] == {"report.dcm": "accepted"})
    first.stop()
    send(service(forward=there.port).port, image("1.2.4"))
    wait_until(lambda: attempts(folder, "1.2.4") and attempts(folder, "1.2.4")[0]["sent"])
    assert there.received == ["1.2.3.1.901", "1.2.4.1.901"]


def test_a_study_can_be_done_again_by_removing_its_ledger(service, send, image, folder, wait_until):
    first = service()
    send(first.port, image())
    wait_until(lambda: states(folder) == ["done"])
    first.stop()
    os.remove(folder / "ledger" / f"{uid_name('1.2.3')}.json")
    service()
    wait_until(lambda: states(folder) == ["done"])
    assert [run["number"] for run in attempts(folder)] == [2]


def test_the_queue_has_an_end(service, send, image, folder, wait_until, caplog):
    port = service(quiet=1.0, waiting=1).port
    assert send(port, image("1.2.3"), image("1.2.4")) == [SUCCESS, OUT_OF_RESOURCES]
    assert "a study was refused, since 1 wait already" in caplog.text
    wait_until(lambda: states(folder) == ["done"])
    assert send(port, image("1.2.4")) == [SUCCESS]


def test_one_folder_has_one_service(service, folder):
    service()
    with pytest.raises(KgpError, match="Another kgp console listen works in .*console; give it a folder of its own"):
        service()


def test_the_folder_is_free_again_where_the_port_was_taken(service, tmp_path):
    taken = service(folder=tmp_path / "other").port
    with pytest.raises(KgpError, match="cannot listen"):
        ListenService(tmp_path / "console", print, ReceiverOptions(port=taken))
    service()


def test_a_state_that_cannot_be_written_holds_a_study_up_until_it_can(service, send, image, folder, wait_until, caplog):
    folder.mkdir()
    (folder / "ledger").write_text("in the way")
    send(service().port, image())
    wait_until(lambda: "waits, since its state cannot be written: File exists" in caplog.text)
    (folder / "ledger").unlink()
    wait_until(lambda: states(folder) == ["done"])


def test_a_ledger_that_is_none_is_told_at_the_start(service, send, image, folder, wait_until):
    first = service()
    send(first.port, image())
    wait_until(lambda: states(folder) == ["done"])
    first.stop()
    (folder / "ledger" / f"{uid_name('1.2.3')}.json").write_text("[]")
    with pytest.raises(KgpError, match="is not a ledger of kgp console listen"):
        service()
