"""kgp.training.folds: all folds of a cross-validation, trained one after the other and pooled."""

import shutil

import pytest

import kgp
from kgp import evaluate, train, tune
from kgp.errors import KgpError, UsageError
from kgp.files import read_json, read_table, sha256, write_json
from kgp.run_folder import WEIGHTS, read_run
from kgp.training import folds as module
from kgp.training.folds import check_folds, read_folds
from kgp.training.presets import load_preset

SMALL = ["--preset", "demo", "--width", "2", "--depth", "1", "--epochs", "1", "--batch-size", "4"]
SMALL += ["--equivariance", "0", "--folds", "3"]


@pytest.fixture(scope="module")
def command(tiny_cohort):
    return [*SMALL, "--data", str(tiny_cohort.folder)]


@pytest.fixture(scope="module")
def finished(command, tmp_path_factory):
    """A whole cross-validation of three folds."""
    folder = tmp_path_factory.mktemp("folds") / "run"
    assert train.main([*command, "--fold", "all", "--out", str(folder)]) == 0
    return folder


def test_each_patient_is_tested_once_and_all_are_pooled(finished, tiny_cohort):
    assert {path.name for path in finished.iterdir()} == {
        "folds.json", "fold-0", "fold-1", "fold-2", "metrics.json", "predictions.csv", "report.html",
    }  # fmt: skip
    pooled = read_table(finished / "predictions.csv").rows
    assert sorted(row["id"] for row in pooled) == sorted(row.id for row in tiny_cohort.rows)
    assert pooled == [
        row for number in range(3) for row in read_table(finished / f"fold-{number}" / "predictions.csv").rows
    ]
    found = read_json(finished / "metrics.json")
    assert (found["slices"], found["patients"]) == (20, 10)
    assert found["facts"]["pooled"] == "the test parts of 3 runs: fold-0, fold-1, fold-2"


def test_a_fold_is_an_ordinary_run(finished, command, tmp_path):
    alone = tmp_path / "alone"
    assert train.main([*command, "--fold", "1", "--out", str(alone)]) == 0
    for name in (WEIGHTS, "config.json", "split.csv", "metrics.json", "predictions.csv"):
        assert sha256(alone / name) == sha256(finished / "fold-1" / name), name


def test_interrupted_and_resumed_it_ends_as_if_it_had_not_been(
    finished, command, tmp_path, monkeypatch, capsys, caplog
):
    caplog.set_level("INFO")
    folder, trained = tmp_path / "run", []

    def train_one(*arguments, **options):
        trained.append(arguments[1].name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    original = module.train_run
    monkeypatch.setattr(module, "train_run", train_one)
    assert train.main([*command, "--fold", "all", "--out", str(folder)]) == 130
    assert f"kgp train --resume {folder} goes on with all folds." in caplog.text
    assert not (folder / "metrics.json").exists()
    assert train.main(["--resume", str(folder)]) == 0
    assert trained == ["fold-0", "fold-1", "fold-1", "fold-2"]
    out = capsys.readouterr().out
    assert "95 % intervals over patients: accuracy 0." in out
    assert out.count(f"{folder / 'fold-0'}:\n") == 2 and "All 3 folds pooled:\n20 slices of 10 patients" in out
    for name in ("metrics.json", "predictions.csv", f"fold-2/{WEIGHTS}"):
        assert sha256(folder / name) == sha256(finished / name)


def test_an_unfinished_fold_goes_on_and_one_that_was_not_judged_is_judged(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "run")
    (folder / "report.html").unlink()
    manifest = read_json(folder / "fold-0" / "manifest.json")
    del manifest["files"]["report.html"]
    write_json(folder / "fold-0" / "manifest.json", manifest)
    (folder / "fold-1" / WEIGHTS).unlink()
    (folder / "fold-2" / "config.json").unlink()
    assert train.main(["--resume", str(folder)]) == 0
    for number in range(3):
        assert "report.html" in read_run(folder / f"fold-{number}").manifest["files"]
        assert sha256(folder / f"fold-{number}" / WEIGHTS) == sha256(finished / f"fold-{number}" / WEIGHTS)
    assert sha256(folder / "predictions.csv") == sha256(finished / "predictions.csv")


def test_what_is_finished_is_no_run_and_does_not_go_on(finished, command, capsys):
    assert train.main(["--resume", str(finished)]) == 1
    assert f"{finished} is finished; use another --out to train again." in capsys.readouterr().err
    assert train.main([*command, "--out", str(finished)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert evaluate.main([str(finished)]) == 1
    assert f"holds a run for each fold; name one of them, such as {finished / 'fold-0'}." in capsys.readouterr().err


def test_another_is_replaced_only_after_all_checks(finished, command, tmp_path, capsys):
    folder = shutil.copytree(finished, tmp_path / "run")
    words = ["--fold", "all", "--out", str(folder), "--overwrite"]
    assert train.main([*command, *words, "--folds", "2"]) == 2
    assert "--fold all needs --folds of at least 3, not 2." in capsys.readouterr().err
    assert train.main([*command, *words, "--folds", "11"]) == 1
    assert "has 10 patients, which do not fill 11 folds" in capsys.readouterr().err
    assert sha256(folder / "metrics.json") == sha256(finished / "metrics.json")
    folds = module.begin_folds(read_folds_of(folder).config, folder, read_folds_of(folder).source, overwrite=True)
    assert [path.name for path in folder.iterdir()] == ["folds.json"] and len(folds.runs) == 3
    with pytest.raises(KgpError, match="exists already"):
        module.begin_folds(folds.config, folder, folds.source)


def read_folds_of(folder):
    (folder / "report.html").unlink(missing_ok=True)
    return read_folds(folder)


@pytest.mark.parametrize("content", ["{}", "[]", '{"format": "kgp-folds-1"}', '{"format": "x", "config": {}}'])
def test_damaged(tmp_path, content):
    (tmp_path / "folds.json").write_text(content)
    with pytest.raises(KgpError, match=r"folds.json does not describe a cross-validation of this version"):
        read_folds(tmp_path)


def test_the_time_of_all_folds(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main([*command, "--fold", "all", "--dry-run"]) == 0
    assert "\nAll 3 folds: 0:00:0" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert train.main([*command, "--fold", "all", "--folds", "0", "--dry-run"]) == 2


def test_where_all_folds_do_not_go(command, tiny_cohort, tmp_path, capsys):
    several = load_preset("demo", "unet").override(folds=3, strategy="multiworker")
    source = {"data": str(tiny_cohort.folder), "csv": None, "cache": None, "kind": None}
    with pytest.raises(UsageError, match="with --strategy multiworker start each fold by its number"):
        check_folds(several, source)
    assert tune.main(["--folds", "3", "--fold", "all", "--out", str(tmp_path / "search")]) == 2
    assert "--fold all goes with kgp train" in capsys.readouterr().err
    with pytest.raises(UsageError, match='fold="all" makes several runs'):
        kgp.train(data=tiny_cohort.folder, folds=3, fold="all")
    assert train.main([*command, "--fold", "some"]) == 2
    assert "argument --fold: takes a number or all, not 'some'" in capsys.readouterr().err
