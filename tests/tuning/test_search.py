"""A real search of tiny trainings; each trial is a process."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import grpc
import pytest

from kgp.errors import KgpError, UsageError
from kgp.files import read_json
from kgp.run_folder import read_run
from kgp.training.presets import load_preset
from tuning.report import write_report
from tuning.search import Search, best_trial, run_search, trial_rows
from tuning.space import Range, chosen_space

OPTIONS = {"width": 2, "depth": 1, "epochs": 1, "batch_size": 4, "equivariance": 0.0}


@pytest.fixture(scope="module")
def make_search(tiny_cohort, tmp_path_factory):
    def make(**changes):
        search = Search(
            folder=tmp_path_factory.mktemp("search") / "search",
            config=load_preset("demo", "unet").override(**OPTIONS),
            source={"data": str(tiny_cohort.folder), "csv": None, "cache": str(tiny_cohort.folder), "kind": None},
            space=chosen_space(["dropout", "learning_rate"]),
            method="random",
            objective="val_macro_f1",
            trials=2,
        )
        return dataclasses.replace(search, **changes)

    return make


@pytest.fixture(scope="module")
def search(make_search):
    """A search of two trials that has ended."""
    search = make_search()
    run_search(search)
    return search


def test_trials_are_runs_and_the_first_has_the_presets_values(search):
    rows = trial_rows(search.folder)
    assert [(row.name, row.status) for row in rows] == [("0", "COMPLETED"), ("1", "COMPLETED")]
    assert rows[0].values == {"dropout": search.config.network.dropout, "learning_rate": 0.004}
    for row in rows:
        run = read_run(row.folder / "run")
        assert run.config.network.dropout == row.values["dropout"]
        assert run.manifest["validation_macro_f1"] == row.score == read_json(row.folder / "result.json")["val_macro_f1"]
        assert not (row.folder / "run" / "metrics.json").exists()  # the test part was not looked at


def test_the_report_has_every_trial(search):
    page = write_report(search).read_text(encoding="utf-8")
    assert "Research use only" in page and "No mask was used" in page and page.count("<svg") == 2
    for row in trial_rows(search.folder):
        assert f"<td>{row.name}</td><td>{row.score:.4f}</td>" in page


def test_a_search_goes_on_with_what_is_missing(search):
    before = {row.name: os.stat(row.folder / "result.json").st_mtime_ns for row in trial_rows(search.folder)}
    run_search(search)
    run_search(dataclasses.replace(search, trials=3))
    after = {row.name: os.stat(row.folder / "result.json").st_mtime_ns for row in trial_rows(search.folder)}
    assert set(after) == {"0", "1", "2"} and {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "val_loss"}, "another search: its objective is 'val_macro_f1', not 'val_loss'"),
        ({"space": {"dropout": Range(0.0, 0.5)}}, "another search: its space"),
        ({"config": load_preset("demo", "unet").override(**{**OPTIONS, "width": 4})}, r"2, not 4 \(width\)"),
    ],
)
def test_another_search_is_refused(search, change, message):
    with pytest.raises(UsageError, match=message):
        run_search(dataclasses.replace(search, **change))


def test_other_data_of_the_same_name_is_refused(search, tiny_cohort, tmp_path, write_cohort):
    other = write_cohort(tmp_path / tiny_cohort.folder.name, patients=12)
    with pytest.raises(UsageError, match="another search: its data is"):
        run_search(dataclasses.replace(search, source={**search.source, "data": str(other.folder)}))


def test_a_folder_with_other_things_is_refused(make_search, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and holds no search"):
        run_search(make_search(folder=tmp_path))


def test_a_trial_that_fails_is_recorded_and_skipped(make_search):
    search = make_search(space={"learning_rate": Range(1e30, 1e38, log=True)}, trials=1)
    run_search(search)
    (row,) = trial_rows(search.folder)
    assert row.status == "FAILED" and row.score is None and "diverged" in row.message
    assert "trial_0 failed" in write_report(search).read_text(encoding="utf-8")
    assert best_trial([row], "val_macro_f1") is None


def test_three_failures_in_a_row_end_the_search(make_search, monkeypatch):
    def broken(*_):
        raise KgpError("no memory")

    monkeypatch.setattr("tuning.search.run_trial", broken)
    search = make_search(trials=5)
    with pytest.raises(KgpError, match="Three trials in a row failed; one of them: no memory"):
        run_search(search)
    assert len(trial_rows(search.folder)) == 3


def test_what_a_chief_says_is_told(make_search, monkeypatch):
    """A worker hears of a chief that is gone, and of what it refuses, as an error of the
    connection.
    """

    class Answer(grpc.RpcError):
        def details(self):
            return str(self)

    def search(*_, **__):
        raise Answer("Connection refused")

    monkeypatch.setattr("tuning.search._Tuner.search", search)
    with pytest.raises(KgpError, match="The chief of the search does not answer: Connection refused"):
        run_search(make_search())


def test_masks_are_needed_for_their_objective(make_search, tiny_cohort, tmp_path, write_cohort):
    bare = write_cohort(tmp_path / "bare", masks=False)
    source = {"data": str(bare.folder), "csv": None, "cache": str(tmp_path), "kind": None}
    with pytest.raises(UsageError, match="needs tumour masks in the validation part"):
        run_search(make_search(source=source, objective="val_dice"))


def test_a_killed_search_goes_on(make_search, tiny_cohort):
    search = make_search()
    words = ["--data", tiny_cohort.folder, "--cache", tiny_cohort.folder, "--preset", "demo", "--out", search.folder]
    words += ["--trials", "2", "--method", "random"]
    words += [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", value)]
    words[words.index("--epochs")] = "--max-epochs"
    process = subprocess.Popen([sys.executable, "-m", "kgp.tune", *map(str, words)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 300
    while not (search.folder / "trial_0" / "result.json").exists() and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = os.stat(search.folder / "trial_0" / "result.json").st_mtime_ns
    run_search(search)
    assert [row.status for row in trial_rows(search.folder)] == ["COMPLETED", "COMPLETED"]
    assert os.stat(search.folder / "trial_0" / "result.json").st_mtime_ns == first
