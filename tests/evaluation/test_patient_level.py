import json

import numpy as np
import pytest

from kgp.evaluation.patient_level import patient_class, patient_metrics


@pytest.mark.parametrize(
    ("probabilities", "no_tumour_class", "expected"),
    [
        ([[0.9, 0.1, 0.0], [0.6, 0.0, 0.4]], 0, 0),  # no slice is called a tumour
        ([[0.9, 0.1, 0.0], [0.2, 0.1, 0.7]], 0, 2),  # one is
        ([[0.0, 0.9, 0.1], [0.1, 0.2, 0.7], [0.1, 0.3, 0.6]], 0, 1),  # the largest sum, not the most slices
        ([[0.9, 0.0, 0.1], [0.9, 0.0, 0.1], [0.0, 0.6, 0.4]], 0, 1),  # slices called "no tumour" do not vote
        ([[0.0, 0.5, 0.5]], 0, 1),  # the first of equals
        ([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]], 2, 0),  # "no tumour" may stand anywhere
        ([[0.1, 0.1, 0.8], [0.2, 0.1, 0.7]], 2, 2),
        ([[0.4, 0.6], [0.9, 0.1]], None, 0),  # without "no tumour" every slice votes
    ],
)
def test_the_class_of_a_patient(probabilities, no_tumour_class, expected):
    assert patient_class(np.array(probabilities), no_tumour_class) == expected


def test_patients_by_hand():
    slices = [  # patient, true class, predicted class
        ("a", 0, 0), ("a", 1, 1),  # right
        ("b", 0, 0), ("b", 0, 1),  # free of tumour, one slice called a tumour
        ("c", 2, 0), ("c", 0, 0),  # missed
        ("d", 1, 1), ("d", 2, 2),  # two classes: has no one true class
        ("e", 0, 0),  # right
    ]  # fmt: skip
    groups, targets, predicted = zip(*slices, strict=True)
    found = patient_metrics(np.array(targets), np.eye(3)[list(predicted)], 0, groups)
    assert (found["patients"], found["patients_of_several_classes"]) == (4, 1)
    assert found["confusion_matrix"] == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert found["accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx((0.5 + 2 / 3 + 0.0) / 3)
    assert found["detection_f1"] == 0.5
    assert set(found["intervals"].values()) == {None}  # four patients
    json.dumps(found, allow_nan=False)


def test_intervals_over_patients():
    rng = np.random.default_rng(0)
    groups = np.repeat([f"p{index}" for index in range(20)], 3)
    targets = np.repeat(rng.integers(0, 2, 20), 3)
    right = rng.random(60) < 0.8
    found = patient_metrics(targets, np.eye(2)[np.where(right, targets, 1 - targets)], 0, groups)
    for name, (low, high) in found["intervals"].items():
        assert low <= found[name] <= high and low < high


def test_one_slice_a_patient_has_no_figures_of_its_own():
    assert patient_metrics(np.array([0, 1]), np.eye(2), 0, ["a", "b"]) is None


def test_only_patients_of_several_classes():
    found = patient_metrics(np.array([1, 2]), np.eye(3)[[1, 2]], 0, ["a", "a"])
    assert (found["patients"], found["patients_of_several_classes"], found["accuracy"]) == (0, 1, None)
