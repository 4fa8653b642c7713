import csv
import json
import shutil

import pytest

from kgp.errors import KgpError
from kgp.files import read_json, read_table, write_json, write_table
from kgp.report.pooled_report import report_pooled
from kgp.report.run_report import calibrate_run, evaluate_run
from kgp.run_folder import read_run, refresh_manifest


@pytest.fixture
def folds(tiny_run, tmp_path):
    """Two runs whose test parts are the test and the validation part of one split."""
    first = shutil.copytree(tiny_run, tmp_path / "fold0")
    second = shutil.copytree(tiny_run, tmp_path / "fold1")
    swapped = {"test": "validation", "validation": "test"}
    rows = read_table(second / "split.csv").rows
    write_table([{**row, "part": swapped.get(row["part"], row["part"])} for row in rows], second / "split.csv")
    for folder in (first, second):
        refresh_manifest(folder)
        calibrate_run(folder)
    return [first, second]


def test_slices_of_all_runs_are_judged_as_one(folds, tmp_path):
    out = tmp_path / "pooled"
    out.mkdir()
    metrics = report_pooled([read_run(folder) for folder in folds], out)
    assert json.loads((out / "metrics.json").read_text()) == metrics
    single = [evaluate_run(folder) for folder in folds]
    found = metrics["classification"]
    assert found["slices"] == 8 and found["patients"] == 4
    together = [
        [a + b for a, b in zip(*rows, strict=True)]
        for rows in zip(*(judged["classification"]["confusion_matrix"] for judged in single), strict=True)
    ]
    assert found["confusion_matrix"] == together
    assert metrics["segmentation"]["refined"]["tumour_slices"] == 4
    rivals, of_each = metrics["rivals"], [judged["rivals"]["figures"]["trees"] for judged in single]
    assert rivals["learned_from"] == {"runs": 2, "slices": 24, "slices_of_trees": 24}
    assert rivals["figures"]["trees"]["accuracy"] == sum(trees["accuracy"] for trees in of_each) / 2
    assert rivals["figures"]["place"]["macro_f1"] == 1.0 and "on the same 8 slices" in rivals["warning"]
    assert "the training part of each run\n(24 slices in all)" in (out / "report.html").read_text()
    assert metrics["facts"]["pooled"] == "the test parts of 2 runs: fold0, fold1"
    with open(out / "predictions.csv", newline="") as stream:
        pooled = list(csv.DictReader(stream))
    assert pooled == [row for folder in folds for row in read_table(folder / "predictions.csv").rows]
    assert "2 runs pooled" in (out / "report.html").read_text()


def test_one_run_pooled_has_its_own_figures(folds, tmp_path):
    out = tmp_path / "pooled"
    out.mkdir()
    pooled, single = report_pooled([read_run(folds[0])], out), evaluate_run(folds[0])
    assert {key: value for key, value in pooled.items() if key != "facts"} == {
        key: value for key, value in single.items() if key != "facts"
    }


def test_offsets_that_differ_are_said(folds, tmp_path):
    calibration = read_json(folds[1] / "calibration.json")
    calibration["readings"]["paper"]["offset"] = 7.5
    write_json(folds[1] / "calibration.json", calibration)
    refresh_manifest(folds[1])
    metrics = report_pooled([read_run(folder) for folder in folds], tmp_path)
    assert metrics["segmentation"]["paper"]["reading"]["offset"] is None
    assert "offset of each run" in (tmp_path / "report.html").read_text()


def test_runs_that_share_slices_or_differ_are_refused(folds, tmp_path):
    run = read_run(folds[0])
    with pytest.raises(KgpError, match="stands in the parts of .*fold0 and .*fold0, so they cannot be pooled"):
        report_pooled([run, run], tmp_path)
    manifest = read_json(folds[1] / "manifest.json")
    write_json(folds[1] / "manifest.json", manifest | {"contrasts": ["FLAIR", "T1"]})
    with pytest.raises(KgpError, match="fold1 has other contrasts than .*fold0, so they cannot be pooled"):
        report_pooled([run, read_run(folds[1])], tmp_path)
