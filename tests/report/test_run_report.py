import csv
import itertools
import json
import shutil

import numpy as np
import pytest

from kgp.data.cohort import SliceRow
from kgp.errors import UsageError
from kgp.evaluation.judge import JudgedSlice
from kgp.evaluation.segmentation import Overlap, SegmentationRecord
from kgp.files import read_json, write_json
from kgp.report.run_report import calibrate_run, choose_cases, evaluate_run, report_on
from kgp.run_folder import read_run, refresh_manifest


@pytest.fixture
def run_copy(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def judged(true, predicted, confidence, dice=None, reason=None):
    """A slice of the classes 0 and 1, called `predicted` with a confidence; with a true mask where there is a Dice."""
    probabilities = np.array([confidence, 1 - confidence] if predicted == 0 else [1 - confidence, confidence])
    name = f"slice {next(_NUMBERS)}"
    records = {}
    if dice is not None:
        overlap = Overlap(dice, 0.0, None, 0, reason)
        records["best"] = SegmentationRecord(name, "p", "tumour", 5, overlap, overlap)
    return JudgedSlice(SliceRow(name, "p", "p", true, str(true)), true, probabilities, records)


_NUMBERS = itertools.count()


def chosen_indices(slices):
    """(rule, place in the list) of the cases chosen."""
    return [(rule, slices.index(judged)) for rule, judged in choose_cases(slices, "best")]


def test_cases_are_chosen_by_rule():
    dices = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
    slices = [judged(0, 0, 0.9, dice) for dice in dices]
    slices += [judged(0, 1, 0.6, 0.0, "no_tumour"), judged(1, 0, 0.99), judged(1, 1, 1.0)]
    chosen = chosen_indices(slices)
    by_rule = {rule: [index for name, index in chosen if name == rule] for rule, _ in chosen}
    assert by_rule["highest Dice"] == [0, 1, 2]
    assert by_rule["median Dice"] == [6, 5, 4]  # the missed slice counts with Dice 0
    assert by_rule["lowest Dice of the slices called tumour"] == [8, 7]  # no picture is shown twice
    assert by_rule["most confident wrong answer"] == [10, 9]
    slices.append(judged(0, 0, 0.5, 0.0, "nothing_above"))
    assert ("lowest Dice of the slices called tumour", len(slices) - 1) in chosen_indices(slices)
    assert len({index for _, index in chosen}) == len(chosen)


def test_cases_without_masks():
    assert chosen_indices([judged(0, 0, 0.9), judged(0, 0, 0.8), judged(1, 0, 0.7)]) == [
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
