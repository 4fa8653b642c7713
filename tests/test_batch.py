import sys

import pytest

from kgp import batch
from serving.archive_batch.batch import Outcome


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive" / "p1").mkdir(parents=True)
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--out", "out"], 2, "required: --input"),
        (["--input", "archive", "--out", "out", "--workers", "0"], 2, "--workers must be at least 1, not 0"),
        (["--input", "gone", "--out", "out"], 1, "gone is not a folder"),
        (["--input", "archive", "--out", "out", "--model", "gone"], 1, "gone is missing."),
        (["--input", "archive", "--out", "archive/out"], 2, "archive/out lies in archive"),
    ],
)
def test_bad_arguments(archive, words, status, message, capsys):
    assert batch.main(["--model", "run", *words]) == status
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in archive.iterdir()) == ["archive", "run"]


def test_an_archive_with_dots_keeps_its_name(archive, monkeypatch):
    jobs = []
    monkeypatch.setattr("serving.archive_batch.batch.run_batch", lambda job: jobs.append(job) or Outcome(0, {}))
    monkeypatch.chdir(archive / "archive" / "p1")
    assert batch.main(["--input", "..", "--model", "../../run", "--out", str(archive / "out")]) == 0
    assert jobs[0].archive == archive / "archive"


def test_without_ray(archive, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert batch.main(["--input", "archive", "--model", "run", "--out", "out"]) == 1
    assert capsys.readouterr().err == ("kgp batch: this needs the package ray; pip install 'kgp[scale]' brings it.\n")
    assert not (archive / "out").exists()
