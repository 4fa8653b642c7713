import csv
import json
import shutil

import pytest

from kgp.errors import UsageError
from kgp.files import read_json, write_json
from kgp.report.run_report import calibrate_run, evaluate_run, report_on
from kgp.run_folder import read_run, refresh_manifest


@pytest.fixture
def run_copy(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def test_a_run_is_calibrated_and_judged(run_copy):
    calibrate_run(run_copy)
    metrics = evaluate_run(run_copy)
    calibration = read_json(run_copy / "calibration.json")
    assert calibration["masks_used"] == {"paper": True, "best": False}
    assert calibration["slices"] == 2  # two patients in the validation part, each with one tumour slice
    assert json.loads((run_copy / "metrics.json").read_text()) == metrics
    assert metrics["facts"]["part"] == "test (split by patient)"
    with open(run_copy / "predictions.csv", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == 4 and {"id", "patient", "true", "predicted", "p_tumour", "dice_best"} <= set(table[0])
    assert "Research use only" in (run_copy / "report.html").read_text()
    assert {"calibration.json", "metrics.json", "report.html"} <= set(read_run(run_copy).manifest["files"])


def test_a_split_by_slice_is_said_to_leak(run_copy):
    config = read_json(run_copy / "config.json")
    config["data"]["split"] = "slice-leaky"
    write_json(run_copy / "config.json", config)
    refresh_manifest(run_copy)
    assert "leaks between training and test" in evaluate_run(run_copy)["facts"]["part"]


def test_unknown_reading(tiny_cohort, bright_runtime, tmp_path):
    with pytest.raises(UsageError, match="--reading must be one of zero, multiotsu, not 'sharp'"):
        report_on(bright_runtime(), tiny_cohort, tiny_cohort.rows[:2], (0, 1), tmp_path, "t", {}, reading_name="sharp")
    assert not list(tmp_path.iterdir())
