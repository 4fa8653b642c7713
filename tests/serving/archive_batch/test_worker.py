"""A worker in this process."""

import numpy as np
import pytest

from kgp import segment
from kgp.errors import KgpError
from kgp.files import read_json, write_json
from serving.archive_batch.ledger import FORMAT, ArchiveLedger
from serving.archive_batch.worker import BatchJob, StudyWorker, model_identity


@pytest.fixture
def bright(monkeypatch, bright_runtime):
    """The runtime that both the worker and `kgp segment` load."""
    runtime = bright_runtime(size=18)
    for name in ("serving.archive_batch.worker.load_runtime", "kgp.runtime.load_runtime"):
        monkeypatch.setattr(name, lambda _: runtime)
    return runtime


@pytest.fixture
def job(tmp_path):
    (tmp_path / "archive").mkdir()
    return BatchJob(tmp_path / "archive", "run", tmp_path / "out")


def test_a_study_is_what_kgp_segment_makes_of_it(bright, job, write_study):
    case = write_study(job.archive / "site" / "p1")
    assert StudyWorker(job, bright.identity).segment("site/p1") == ""
    single = job.out / "single"
    assert segment.main(["run", str(case), "--out", str(single)]) == 0
    result = ArchiveLedger(job.out).result("site/p1")
    assert {path.name for path in result.iterdir()} == {path.name for path in single.iterdir()}
    for name in ("summary.json", "slices.csv", "overlay.png"):
        assert (result / name).read_bytes() == (single / name).read_bytes()
    (line,) = ArchiveLedger(job.out).lines().values()
    assert line["study"] == "site/p1" and line["class"] == "tumour" and line["seconds"] > 0
    assert line["probability"] == pytest.approx(1 / (1 + np.exp(-0.9)), abs=1e-6)  # FLAIR 240 has the logit 0.9
    assert line["mask_volume_mm3"] == read_json(result / "summary.json")["mask_volume_mm3"] == 40.0


def test_a_result_without_line_is_made_again_in_its_place(bright, job, write_study):
    write_study(job.archive / "p1")
    worker = StudyWorker(job, bright.identity)
    assert worker.segment("p1") == ""
    (job.out / "ledger" / "p1.json").unlink()
    assert worker.segment("p1") == ""
    assert [path.name for path in (job.out / "studies").iterdir()] == list(ArchiveLedger(job.out).lines()) == ["p1"]


def test_bad_studies_have_one_sentence_and_no_line(bright, job, write_study):
    write_study(job.archive / "short", contrasts=("t1",))
    (job.archive / "empty").mkdir()
    (job.archive / "pictures").mkdir()
    np.save(job.archive / "pictures" / "good.npy", np.ones((18, 18, 2), np.float32))
    (job.archive / "pictures" / "broken.png").write_bytes(b"\x89PNG")
    worker = StudyWorker(job, bright.identity)
    for study, reason in {
        "short": "no file for the contrast FLAIR",
        "empty": "holds no NIfTI file",
        "pictures": "1 of 2 pictures failed",
        "gone": "does not exist",
    }.items():
        answer = worker({"study": study.encode()})
        assert answer["study"] == study.encode()
        assert reason in answer["reason"] and "\n" not in answer["reason"]
    assert ArchiveLedger(job.out).lines() == {}


def test_a_black_study_has_no_class(bright, job, write_study):
    write_study(job.archive / "p1", black=True)
    assert StudyWorker(job, bright.identity).segment("p1") == ""
    (line,) = ArchiveLedger(job.out).lines().values()
    assert (line["class"], line["probability"], line["mask_volume_mm3"]) == ("", "", 0.0)


@pytest.mark.usefixtures("bright")
def test_a_model_that_changed_is_refused(job):
    with pytest.raises(KgpError, match="has changed since the batch began"):
        StudyWorker(job, "dark")


def test_a_study_that_kills_its_worker_is_given_up(bright, job, write_study):
    write_study(job.archive / "p1")
    ledger, worker = ArchiveLedger(job.out), StudyWorker(job, bright.identity)
    assert [ledger.begin("p1") for _ in range(3)] == [1, 2, 3]
    assert "its worker died 3 times" in worker.segment("p1")
    assert not ledger.result("p1").exists()
    write_json(job.out / "batch.json", {"format": FORMAT, "identity": bright.identity, "archive": str(job.archive)})
    with ledger.claimed(bright.identity, "run", job.archive):  # the next start tries again
        assert worker.segment("p1") == ""
    assert [path.name for path in (job.out / "ledger").iterdir()] == ["p1.json"]


@pytest.mark.parametrize("kind", ["run", "savedmodel", "litert", "grpc"])
def test_all_runtimes(kind, request, tmp_path):
    places = {
        "run": lambda: request.getfixturevalue("tiny_run"),
        "savedmodel": lambda: request.getfixturevalue("saved_model")[0].parent,
        "litert": lambda: request.getfixturevalue("litert_files")("float32")[0],
        "grpc": lambda: f"grpc://127.0.0.1:{request.getfixturevalue('server').grpc_port}/tiny",
    }
    (tmp_path / "archive" / "p1").mkdir(parents=True)
    np.save(tmp_path / "archive" / "p1" / "a.npy", np.random.default_rng(1).uniform(0, 99, (16, 16, 2)))
    job = BatchJob(tmp_path / "archive", str(places[kind]()), tmp_path / "out")
    assert StudyWorker(job, model_identity(job.model)).segment("p1") == ""
    (line,) = ArchiveLedger(job.out).lines().values()
    assert line["class"] == "tumour" and line["mask_volume_mm3"] == ""
