"""`kgp batch` as a user starts it, on Ray's embedded engine. A named pipe in a study holds a worker
up as long as needed."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

import kgp
from kgp import segment
from kgp.errors import KgpError
from kgp.files import read_json
from serving.archive_batch.batch import BatchProgress, run_batch
from serving.archive_batch.ledger import ArchiveLedger
from serving.archive_batch.worker import BatchJob

MARK = "KGP_TEST_MARK"


@pytest.fixture(scope="module")
def model(litert_files):
    """The tiny run as a LiteRT file, which needs no TensorFlow in the workers."""
    return litert_files("float32")[0]


@pytest.fixture
def start():
    """Starts the command; MARK is in the environment of its process and of all that it starts."""
    started = []

    def start(archive, model, out, workers=1):
        words = ["--input", archive, "--model", model, "--out", out, "--workers", workers]
        environment = os.environ | {"PYTHONPATH": str(Path(kgp.__file__).resolve().parent.parent), MARK: str(out)}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "kgp.batch", *map(str, words)],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                # Tests that run in the background of a shell have it ignored, and children inherit that.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def finished(process):
    """Exit status, standard output and standard error."""
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def table(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.random.default_rng(1).uniform(0, 99, (16, 16, 2)).astype(np.float32))


class Pipe:
    """A picture that a worker can open but not read to its end before it is fed."""

    def __init__(self, path):
        path.parent.mkdir(parents=True)
        os.mkfifo(path)
        self._path = path
        self._ends = []

    def is_opened(self):
        """Whether a worker has it open."""
        try:
            self._ends.append(os.open(self._path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def feed(self, content):
        """Writes all there is to read."""
        os.write(self._ends[-1], content)
        for end in self._ends:
            os.close(end)
        self._ends = []


def marked_processes(out, title):
    """Processes started by a command for `out` whose command line holds a word."""
    for folder in Path("/proc").iterdir():
        try:
            is_marked = folder.name.isdecimal() and f"{MARK}={out}\0".encode() in (folder / "environ").read_bytes()
            if is_marked and title in (folder / "cmdline").read_bytes().decode(errors="replace"):
                yield int(folder.name)
        except OSError:
            continue


def results(out):
    """When each result was written, by the study's name."""
    folder = out / "studies"
    whole = (path for path in folder.rglob("summary.json") if path.parent.name[0] != ".")
    return {path.parent.relative_to(folder).as_posix(): os.stat(path).st_mtime_ns for path in whole}


def gone(process):
    return not Path("/proc", str(process)).exists()


def test_killed_and_started_again(tmp_path, start, model, write_study, wait_until):
    archive, out = tmp_path / "archive", tmp_path / "out"
    for study in ("p1", "site/p2"):
        write_study(archive / study)
    write_study(archive / "p3", contrasts=("t1",))
    pipe = Pipe(archive / "p4" / "a.npy")
    process = start(archive, model, out)
    wait_until(pipe.is_opened, seconds=120, pause=0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not list(marked_processes(out, "ray::MapWorker")), pause=0.2)
    before = results(out)
    assert list(before) == ["p1"]

    (archive / "p4" / "a.npy").unlink()
    write_picture(archive / "p4" / "a.npy")
    status, stdout, stderr = finished(start(archive, model, out, workers=2))
    assert status == 1 and "3 studies done, 1 failed" in stdout, stderr
    assert "1 studies were done before" in stderr and "4 of 4 studies, 1 failed" in stderr
    assert "Failed: p3: " in stderr and "no file for the contrast FLAIR" in stderr and "Traceback" not in stderr
    assert [line["study"] for line in table(out / "studies.csv")] == ["p1", "p4", "site/p2"]
    assert [line["study"] for line in table(out / "failed.csv")] == ["p3"]
    after = results(out)
    assert sorted(after) == ["p1", "p4", "site/p2"] and after["p1"] == before["p1"]
    assert sorted(path.name for path in (out / "studies").iterdir()) == ["p1", "p4", "site"]  # and nothing half-written

    single = tmp_path / "single"
    assert segment.main([str(model), str(archive / "site" / "p2"), "--out", str(single)]) == 0
    result = out / "studies" / "site" / "p2"
    assert read_json(result / "summary.json") == read_json(single / "summary.json")
    for name in ("mask.nii.gz", "heatmap.nii.gz"):
        one, other = (nibabel.load(folder / name).get_fdata() for folder in (result, single))
        np.testing.assert_array_equal(one, other)


def test_a_worker_dies_and_ctrl_c_keeps_what_is_there(tmp_path, start, model, wait_until):
    archive, out = tmp_path / "archive", tmp_path / "out"
    first, second = (Pipe(archive / study / "a.npy") for study in ("p1", "p2"))
    process = start(archive, model, out)
    wait_until(first.is_opened, seconds=120, pause=0.1)
    (worker,) = marked_processes(out, "ray::MapWorker")
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: gone(worker))
    wait_until(first.is_opened, seconds=120, pause=0.1)
    write_picture(tmp_path / "a.npy")
    first.feed((tmp_path / "a.npy").read_bytes())
    wait_until(second.is_opened, seconds=120, pause=0.1)
    process.send_signal(signal.SIGINT)
    status, stdout, stderr = finished(process)
    assert (status, stdout) == (130, "")
    assert stderr == "1 studies are done; the same command does the others\nkgp batch: interrupted.\n"
    assert [line["study"] for line in table(out / "studies.csv")] == ["p1"]
    wait_until(lambda: not list(marked_processes(out, "")), pause=0.2)


def test_the_ledger_of_another_model(tmp_path, monkeypatch):
    out = tmp_path / "out"
    with ArchiveLedger(out).claimed("another", "runs/other", tmp_path / "archive"):
        pass
    # Without Ray, whose start takes seconds: until the ledger is opened, it only reads the identity.
    monkeypatch.setattr("serving.archive_batch.batch.ray_engine", lambda address, workers: contextlib.nullcontext())
    monkeypatch.setattr("serving.archive_batch.batch._ask_model_identity", lambda model, resources: f"of {model}")
    with pytest.raises(KgpError) as caught:
        run_batch(BatchJob(tmp_path / "archive", "runs/mine", out))
    assert str(caught.value) == (
        f"{out} holds results of another model (runs/other) than runs/mine; name another --out."
    )


def test_no_model(tmp_path, start):
    archive, gone = tmp_path / "archive", tmp_path / "gone.tflite"
    write_picture(archive / "p1" / "a.npy")
    assert finished(start(archive, gone, tmp_path / "out")) == (1, "", f"kgp batch: {gone} is missing.\n")
    assert not (tmp_path / "out").exists()


def test_progress(tmp_path):
    for name in "abcde":
        (tmp_path / name).mkdir()
    progress = BatchProgress(tmp_path, frozenset("a"))
    progress._search.join()
    assert progress.line(0.0) == "1 of 5 studies, 0 failed"
    progress.add("b", "")
    progress.add("c", "it is empty.")
    # One study in the two seconds since the first answer, and two are left.
    assert progress.line(progress._first_at + 2.0) == "3 of 5 studies, 1 failed, 0.50 studies/s, 0:00:04 left"
    progress.finish()
    assert set(progress.failed) == {"c", "d", "e"} and "no answer came" in progress.failed["e"]


def test_an_archive_that_goes_away_is_told(tmp_path, monkeypatch):
    def studies(_):
        yield "a"
        raise OSError("stale file handle")

    monkeypatch.setattr("serving.archive_batch.batch.find_studies", studies)
    progress = BatchProgress(tmp_path, frozenset())
    progress.add("a", "")
    with pytest.raises(KgpError, match="could not be looked through to its end: stale file handle"):
        progress.finish()
    assert progress.failed == {}
