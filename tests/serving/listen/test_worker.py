"""Bad days of the worker: a machine that is in the way, and studies that were cut short."""

import errno
import json

import pytest

from kgp.errors import KgpError
from serving.listen.inbox import uid_name
from serving.listen.options import ServiceOptions
from serving.listen.receiver import SUCCESS


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "console"


def attempts(folder, study="1.2.3"):
    path = folder / "ledger" / f"{uid_name(study)}.json"
    return json.loads(path.read_text())["runs"] if path.exists() else []


def states(folder, study="1.2.3"):
    return [run["state"] for run in attempts(folder, study)]


def test_a_full_disk_holds_a_study_up_until_there_is_room(service, send, image, folder, wait_until, counting, caplog):
    """More often than a study may end the service, over a restart, and others go on meanwhile."""
    faults = [OSError(errno.ENOSPC, "x"), MemoryError(), OSError(errno.EMFILE, "x"), OSError(errno.EIO, "x")]
    full = [True]

    def process(study, result, **circumstances):
        if study.name == uid_name("1.2.3") and full[0]:
            result.mkdir()
            (result / "half").write_text("a half")
            try:
                raise faults[0] if len(faults) == 1 else faults.pop(0)
            except (OSError, MemoryError):
                raise KgpError("The DICOM objects cannot be written.") from None
        counting(study, result)

    first = service(process)
    send(first.port, image())
    reason = "The result cannot be made at present: Input/output error. It is tried again."
    wait_until(lambda: attempts(folder) and attempts(folder)[0]["reason"] == reason)
    assert send(first.port, image("1.2.4")) == [SUCCESS]
    wait_until(lambda: states(folder, "1.2.4") == ["done"])
    first.stop()
    (run,) = attempts(folder)
    assert (run["state"], run["starts"]) == ("waiting", 1)
    assert "waits, since its result cannot be made: Cannot allocate memory; next attempt in 0 s" in caplog.text
    assert list((folder / ".work").iterdir()) == []
    full[0] = False
    service(process)
    wait_until(lambda: states(folder) == ["done"])
    assert [path.name for path in (folder / "results" / uid_name("1.2.3")).iterdir()] == ["1"]
    assert attempts(folder)[0]["reason"] == ""


def test_a_study_that_was_cut_short_says_so_until_it_is_sent_again(
    service, associate, send, image, folder, wait_until, counting
):
    """Aborted after two of three images; over a restart; what comes later names its predecessor."""
    seen = []

    def process(study, result, *, incomplete, predecessor):
        counting(study, result)
        seen.append((incomplete, predecessor and predecessor.relative_to(folder / "results").parts[1:]))

    first = service(process, quiet=30, discard=True)
    association = associate(first.port, [image()])
    assert [association.send_c_store(image(number=number)).Status for number in (1, 2)] == [SUCCESS] * 2
    association.abort()
    first.stop()
    second = service(process, discard=True)
    wait_until(lambda: states(folder) == ["done"])
    assert len(list(folder.glob("inbox/*/*.dcm"))) == 2  # not discarded
    send(second.port, image(number=1), image(number=2))
    wait_until(lambda: states(folder) == ["done", "done"])
    wait_until(lambda: list((folder / "inbox").iterdir()) == [])
    send(second.port, image(number=3))
    wait_until(lambda: states(folder) == ["done"] * 3)
    report = ("dicom", "report.dcm")
    assert seen == [(True, None), (False, ("1", *report)), (False, ("2", *report))]
    assert [run["incomplete"] for run in attempts(folder)] == [True, False, False]


def test_finished_studies_do_not_wait(service, send, image, folder, wait_until):
    """Sent again with as many others as may wait."""
    images = [image(f"1.2.{number}") for number in range(8)]
    port = service(waiting=4).port
    assert send(port, *images[:4]) == [SUCCESS] * 4
    wait_until(lambda: all(states(folder, one.StudyInstanceUID) == ["done"] for one in images[:4]))
    assert send(port, *images) == [SUCCESS] * 8
    assert ServiceOptions().max_waiting >= 320
