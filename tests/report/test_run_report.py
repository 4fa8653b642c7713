import csv
import json
import shutil

import pytest

from kgp.errors import UsageError
from kgp.files import read_json, write_json
from kgp.report.run_report import calibrate_run, choose_cases, evaluate_run, report_on
from kgp.run_folder import read_run, refresh_manifest


@pytest.fixture
def run_copy(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def line(true, predicted, confidence, dice=None, reason=""):
    found = {"true": true, "predicted": predicted, "p_a": confidence, "p_b": 1 - confidence}
    return found if dice is None else found | {"true_pixels": 5, "dice_best": dice, "reason_best": reason}


def test_cases_are_chosen_by_rule():
    dices = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
    table = [line("a", "a", 0.9, dice) for dice in dices]
    table += [line("a", "b", 0.6, 0.0, "no_tumour"), line("b", "a", 0.99), line("b", "b", 0.0)]
    chosen = choose_cases(table, "dice_best")
    by_rule = {rule: [index for name, index in chosen if name == rule] for rule, _ in chosen}
    assert by_rule["highest Dice"] == [0, 1, 2]
    assert by_rule["median Dice"] == [6, 5, 4]  # the missed slice counts with Dice 0
    assert by_rule["lowest Dice of the slices called tumour"] == [8, 7]  # no picture is shown twice
    assert by_rule["most confident wrong answer"] == [10, 9]
    table.append(line("a", "a", 0.5, 0.0, "nothing_above"))
    assert ("lowest Dice of the slices called tumour", len(table) - 1) in choose_cases(table, "dice_best")
    assert len({index for _, index in chosen}) == len(chosen)


def test_cases_without_masks():
    table = [line("a", "a", 0.9), line("a", "a", 0.8), line("b", "a", 0.7)]
    assert choose_cases(table, "dice_best") == [
        ("most confident right answer", 0),
        ("most confident right answer", 1),
        ("most confident wrong answer", 2),
    ]


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
        report_on(bright_runtime(), tiny_cohort, tiny_cohort.rows[:2], (0, 1), tmp_path, "t", {}, reading="sharp")
    assert not list(tmp_path.iterdir())
