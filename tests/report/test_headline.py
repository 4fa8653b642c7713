import dataclasses

import pytest

from kgp.evaluation.judge import judge
from kgp.report.headline import headline


@pytest.fixture
def metrics_of(tiny_cohort, bright_runtime):
    """Metrics of the tiny cohort, of all patients or of the first."""

    def make(patients=10, masks=True, threshold=1.5):
        rows = tiny_cohort.rows[: 2 * patients]
        rows = rows if masks else [dataclasses.replace(row, mask="") for row in rows]
        runtime = bright_runtime(threshold=threshold)
        targets = [row.label for row in rows]
        return judge(runtime, tiny_cohort, rows, targets, runtime.description.readings, "zero").metrics

    return make


def test_all_that_a_reader_needs_stands_on_the_screen(metrics_of):
    assert headline(metrics_of()).splitlines() == [
        "20 slices of 10 patients: accuracy 1.000, macro-F1 1.000, F1 of tumour against none 1.000.",
        "95 % intervals over patients: accuracy 1.000 to 1.000, macro-F1 1.000 to 1.000, "
        "F1 of tumour against none 1.000 to 1.000.",
        "Median Dice, reading zero: 1.000 (95 % interval over patients 1.000 to 1.000).",
        "Median HD95, reading zero: 0.0 pixels (0.0 to 0.0) on the 10 of 10 tumour slices that have a mask; 0.0 pixels "
        "(0.0 to 0.0) with 0 missed and 0 spurious masks counted.",
        *headline(metrics_of()).splitlines()[4:],
    ]
    assert "Masks were judged on the slices as prepared, 16 x 16 pixels" in headline(metrics_of())


def test_few_patients_and_no_masks(metrics_of):
    lines = headline(metrics_of(patients=4, masks=False)).splitlines()
    assert lines[1:] == [
        "No intervals are given: 4 patients are too few to tell how patients differ (at least 5 are needed)."
    ]


def test_patients_as_one_are_shown_where_they_are_of_several_classes(metrics_of):
    metrics = metrics_of()
    assert metrics["patient_level"]["confusion_matrix"] == [[0, 0], [0, 10]]
    metrics["patient_level"]["confusion_matrix"] = [[4, 0], [0, 6]]
    line = "10 patients, each as one: accuracy 1.000 (1.000 to 1.000), macro-F1 1.000 (1.000 to 1.000)."
    assert headline(metrics).splitlines()[2] == line


def test_no_mask_at_all_has_no_distance(metrics_of):
    line = next(line for line in headline(metrics_of(threshold=9.0)).splitlines() if "HD95" in line)
    assert "– pixels on the 0 of 10 tumour slices that have a mask" in line
    assert line.endswith("with 10 missed and 0 spurious masks counted.")


def test_metrics_of_earlier_versions(metrics_of):
    metrics = metrics_of()
    for name in ("patient_level", "grid", "why_no_intervals", "definitions"):
        del metrics[name]
    for reading in metrics["segmentation"].values():
        reading["as_delivered"]["all"]["hd95"].pop("slices")
    assert "Median Dice, reading zero: 1.000" in headline(metrics) and "HD95" not in headline(metrics)


def test_volumes_as_one(tiny_cohort, bright_runtime):
    spacing = {"spacing_row": 1.0, "spacing_column": 1.0, "spacing_slice": 4.0}
    lines = {}
    for name, changes in (("spaced", spacing), ("plain", {})):
        rows = [
            dataclasses.replace(row, volume=f"v{number // 4}", index=number % 4, **changes)
            for number, row in enumerate(tiny_cohort.rows)
        ]
        runtime = bright_runtime()
        targets = [row.label for row in rows]
        metrics = judge(runtime, tiny_cohort, rows, targets, runtime.description.readings, "zero").metrics
        lines[name] = [line for line in headline(metrics).splitlines() if "volume(s)" in line]
    start = "5 volume(s) with a tumour, reading zero: median Dice 1.000 (1.000 to 1.000)"
    assert lines["plain"] == [f"{start}."]
    assert lines["spaced"] == [f"{start}, median HD95 0.0 mm (0.0 to 0.0) on the 5 that have a mask."]
