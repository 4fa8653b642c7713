import csv
import json
import shutil

import pytest

from kgp.errors import UsageError
from kgp.evaluation.rivals import OWN_TRAINING
from kgp.files import read_json, write_json
from kgp.report.headline import headline
from kgp.report.run_report import calibrate_run, evaluate_run, report_on
from kgp.run_folder import read_run, refresh_manifest


@pytest.fixture
def run_copy(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def test_a_run_is_calibrated_and_judged(run_copy):
    calibrate_run(run_copy)
    metrics = evaluate_run(run_copy)
    calibration = read_json(run_copy / "calibration.json")
    assert calibration["masks_used"] == {"paper": True, "image_level": False, "refined": False}
    assert calibration["slices"] == 2  # two patients in the validation part, each with one tumour slice
    assert json.loads((run_copy / "metrics.json").read_text()) == metrics
    assert metrics["facts"]["part"] == "test (split by patient)"
    with open(run_copy / "predictions.csv", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == 4 and {"id", "patient", "true", "predicted", "p_tumour", "dice_refined"} <= set(table[0])
    assert "Research use only" in (run_copy / "report.html").read_text()
    assert {"calibration.json", "metrics.json", "report.html"} <= set(read_run(run_copy).manifest["files"])


def test_equal_runs_have_equal_metrics_and_predictions(run_copy, tmp_path):
    """Wherever the run and the prepared slices lie, whenever it was trained and with which versions."""
    calibrate_run(run_copy)
    other = shutil.copytree(run_copy, tmp_path / "elsewhere" / "other")
    manifest = read_json(other / "manifest.json")
    moved = shutil.copytree(manifest["data"], tmp_path / "cache" / "prepared-0123abcd")
    for folder, data, seconds in ((run_copy, manifest["data"], 61.0), (other, str(moved), 75.0)):
        versions = manifest["versions"] | {"numpy": f"2.4.{seconds}"}
        changes = {"data": data, "training_seconds": seconds, "epochs_trained": 3, "versions": versions}
        write_json(folder / "manifest.json", manifest | changes)
        write_json(folder / "source.json", {"data": "/somewhere/tiny", "csv": None, "cache": data, "kind": None})
        evaluate_run(folder)
    for name in ("metrics.json", "predictions.csv"):
        assert (run_copy / name).read_bytes() == (other / name).read_bytes()
    text = (other / "metrics.json").read_text()
    assert read_json(other / "metrics.json")["facts"]["data"] == "tiny"
    assert not [
        word for word in ("prepared-0123abcd", "elsewhere", "2.4.", " min") if word in text.split('"definitions"')[0]
    ]
    page = (other / "report.html").read_text()
    assert "2.4.75.0" in page and "time of training" in page and "1.2 min" in page


def test_a_part_of_few_patients_has_no_intervals_and_says_so(run_copy):
    metrics = evaluate_run(run_copy)
    sentence = "No intervals are given: 2 patients are too few to tell how patients differ (at least 5 are needed)."
    assert metrics["why_no_intervals"] == sentence
    assert set(metrics["classification"]["intervals"].values()) == {None}
    for reading in metrics["segmentation"].values():
        assert reading["as_delivered"]["all"]["dice"]["low"] is None
    assert sentence in (run_copy / "report.html").read_text() and sentence in headline(metrics)


def test_a_run_is_judged_beside_its_trivial_rivals(run_copy, caplog):
    """The tiny run calls everything a tumour; its slices' positions tell which show one."""
    rivals = evaluate_run(run_copy)["rivals"]
    assert list(rivals["figures"]) == ["trees", "place", "majority"]
    assert rivals["figures"]["place"]["macro_f1"] == rivals["figures"][rivals["strongest"]]["macro_f1"] == 1.0
    assert rivals["learned_from"] == {"runs": 1, "slices": 12, "slices_of_trees": 12}
    ahead = {"difference": 0.0, "low": None, "high": None}
    # The most frequent class of the training part is the first of two: all slices are called tumour-free.
    assert rivals["figures"]["majority"]["network_ahead"]["macro_f1"] == ahead
    sentence = "The network does not beat a trivial rival on the same 4 slices (macro-F1 0.333 against 1.000 of "
    assert rivals["warning"].startswith(sentence) and rivals["warning"].endswith("; do not use it.")
    assert caplog.messages.count(rivals["warning"]) == 1
    page = (run_copy / "report.html").read_text()
    assert page.index(rivals["warning"]) < page.index("<h2>Classification</h2>") < page.index("<h3>Trivial rivals</h3>")
    assert "Trivial rivals reach, beside the network&#39;s" not in page
    lines = headline(evaluate_run(run_copy)).splitlines()
    (line,) = [line for line in lines if line.startswith("Trivial rivals reach, beside the network's 0.333, ")]
    assert line.endswith("the position of the slice in its volume alone 1.000, the most frequent class alone 0.333.")
    own = evaluate_run(run_copy, "train")
    assert own["rivals"]["why_none"] == OWN_TRAINING and OWN_TRAINING in headline(own).splitlines()
    assert OWN_TRAINING in (run_copy / "report.html").read_text()
    del own["rivals"]  # as metrics.json was before
    assert "rivals" not in headline(own)


def test_the_grid_of_the_masks_is_said(run_copy):
    sentence = evaluate_run(run_copy)["grid"]
    assert sentence == (
        "Masks were judged on the slices as prepared, 16 x 16 pixels; whether the true masks were resized to it is not "
        "recorded."
    )
    assert sentence in (run_copy / "report.html").read_text()


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
