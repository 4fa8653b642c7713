import pytest

from kgp.errors import KgpError, UsageError
from tuning.search import trial_rows
from tuning.workers import is_part_of_search, run_workers, wait_for_chief


def test_two_workers_share_a_search(tiny_cohort, tmp_path):
    folder = tmp_path / "search"
    words = [
        "--data",
        str(tiny_cohort.folder),
        "--preset",
        "demo",
        "--out",
        str(folder),
        "--trials",
        "2",
        "--method",
        "random",
    ]
    words += ["--width", "2", "--depth", "1", "--max-epochs", "1", "--batch-size", "4", "--equivariance", "0"]
    run_workers(words, 2)
    assert [row.status for row in trial_rows(folder)] == ["COMPLETED"] * 2


def test_a_worker_that_cannot_work_ends_the_search(tmp_path, capfd):
    with pytest.raises(KgpError, match="ended with"):
        run_workers(["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "search")], 1)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("KERASTUNER_TUNER_ID", "TUNER_ID is not set"),
        ("KERASTUNER_ORACLE_IP", "ORACLE_IP is not set"),
        (None, "not 'x'"),
    ],
)
def test_variables_that_are_missing_or_wrong(monkeypatch, missing, message):
    assert not is_part_of_search()
    given = {"KERASTUNER_TUNER_ID": "worker0", "KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": "x"}
    for name in given.keys() - {missing}:
        monkeypatch.setenv(name, given[name])
    with pytest.raises(UsageError, match=message):
        is_part_of_search()


def test_an_unreachable_chief_is_told(monkeypatch):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "1")
    monkeypatch.setattr("tuning.workers._PATIENCE", 0.0)
    with pytest.raises(KgpError, match=r"chief of the search cannot be reached at 127\.0\.0\.1:1"):
        wait_for_chief()
