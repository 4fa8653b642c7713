import json

import numpy as np
import pytest
from sklearn import metrics

from kgp.evaluation.classification import classification_metrics

NAMES = ("none", "grade II", "grade III")


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray, list[str]]:
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 3, 600)
    logits = generator.normal(size=(600, 3)) + 1.5 * np.eye(3)[targets]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return targets, probabilities, [f"p{index // 30}" for index in range(600)]


@pytest.fixture(scope="module")
def sample_result(sample) -> dict:
    targets, probabilities, groups = sample
    return classification_metrics(targets, probabilities, NAMES, 0, groups=groups)


def test_by_hand():
    targets = [0, 0, 1, 1, 2]
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.9, 0.0], [0.6, 0.2, 0.2], [0.1, 0.5, 0.4]])
    result = classification_metrics(targets, probabilities, NAMES, 0)
    assert result["accuracy"] == 0.4
    assert result["tumour_only_accuracy"] == pytest.approx(1 / 3)
    assert result["detection"]["precision"] == result["detection"]["recall"] == pytest.approx(2 / 3)
    assert result["detection_f1"] == result["detection"]["f1"] == pytest.approx(2 / 3)
    assert result["confusion_matrix"] == [[1, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert result["classes"]["grade III"]["precision"] == 0.0 and result["classes"]["grade III"]["support"] == 1
    assert result["macro_f1"] == pytest.approx((0.5 + 0.4 + 0.0) / 3)
    assert result["brier"] == pytest.approx((0.06 + 1.14 + 0.02 + 1.04 + 0.62) / 5)
    assert {"accuracy", "tumour_only_accuracy", "macro_f1", "detection_f1"} < set(result["intervals"])
    assert set(result["intervals"].values()) == {None}


def test_equals_scikit_learn(sample, sample_result):
    targets, probabilities, _ = sample
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(targets, predicted)
    for index, name in enumerate(NAMES):
        scores = sample_result["classes"][name]
        assert (scores["precision"], scores["recall"], scores["f1"], scores["support"]) == pytest.approx(
            (precision[index], recall[index], f1[index], support[index])
        )
        assert scores["roc_auc"] == pytest.approx(metrics.roc_auc_score(targets == index, probabilities[:, index]))
    assert sample_result["macro_f1"] == pytest.approx(metrics.f1_score(targets, predicted, average="macro"))
    assert sample_result["macro_precision"] == pytest.approx(precision.mean())
    assert sample_result["macro_recall"] == pytest.approx(recall.mean())
    assert sample_result["accuracy"] == pytest.approx(metrics.accuracy_score(targets, predicted))
    assert sample_result["detection_f1"] == pytest.approx(metrics.f1_score(targets > 0, predicted > 0))
    np.testing.assert_array_equal(sample_result["confusion_matrix"], metrics.confusion_matrix(targets, predicted))


def test_intervals_hold_the_values_and_everything_is_json(sample_result):
    values = sample_result | {
        f"detection_{name}": sample_result["detection"][name] for name in ("roc_auc", "average_precision")
    }
    for name, (low, high) in sample_result["intervals"].items():
        assert high - low < 0.2
        # Resampling adds noise to the calibration error, which moves it up.
        assert low < values[name] < high or name == "expected_calibration_error"
    json.dumps(sample_result, allow_nan=False)


def test_curves_are_thinned_but_keep_their_ends(sample_result):
    for curves in (*sample_result["curves"].values(), sample_result["detection"]["curves"]):
        roc, precision_recall = curves["roc"], curves["precision_recall"]
        assert len(roc["false_positive_rate"]) == len(roc["true_positive_rate"]) <= 200
        assert (roc["false_positive_rate"][0], roc["true_positive_rate"][-1]) == (0.0, 1.0)
        assert len(precision_recall["recall"]) == len(precision_recall["precision"]) <= 200
        assert (precision_recall["recall"][0], precision_recall["recall"][-1]) == (1.0, 0.0)


def test_calibration_error_by_hand():
    probabilities = np.tile([0.2, 0.8], (10, 1))
    targets = [1] * 6 + [0] * 4
    assert classification_metrics(targets, probabilities, ("a", "b"), None)[
        "expected_calibration_error"
    ] == pytest.approx(0.2)
    sure = classification_metrics([0, 1], np.eye(2), ("a", "b"), None)
    assert sure["expected_calibration_error"] == 0.0 and sure["brier"] == 0.0


def test_a_class_that_is_predicted_and_never_true_counts_with_0():
    result = classification_metrics([0, 0, 1], np.eye(3)[[0, 2, 1]], NAMES, 0)
    scores = result["classes"]["grade III"]
    assert [scores[name] for name in ("support", "precision", "recall", "f1")] == [0, 0.0, 0.0, 0.0]
    assert scores["roc_auc"] is None and scores["average_precision"] is None
    assert result["macro_f1"] == pytest.approx((2 / 3 + 1.0 + 0.0) / 3)
    assert result["macro_precision"] == pytest.approx(2 / 3)
    assert result["macro_recall"] == pytest.approx(0.5)


def test_a_class_neither_true_nor_predicted_is_none_and_outside_the_macro():
    result = classification_metrics([0, 0, 1], np.eye(3)[[0, 0, 1]], NAMES, 0, groups=["a", "b", "b"])
    scores = result["classes"]["grade III"]
    assert scores["support"] == 0 and all(scores[key] is None for key in scores if key != "support")
    assert result["curves"]["grade III"] == {"roc": None, "precision_recall": None}
    assert result["macro_f1"] == 1.0
    json.dumps(result, allow_nan=False)


def test_without_a_no_tumour_class():
    result = classification_metrics([0, 1], np.array([[0.9, 0.1], [0.8, 0.2]]), ("a", "b"), None, groups=["x", "y"])
    assert result["detection"] is None and result["detection_f1"] is None
    assert result["tumour_only_accuracy"] == result["accuracy"] == 0.5
    assert result["intervals"]["detection_f1"] is None


def test_only_tumour_free_slices():
    result = classification_metrics([0], np.array([[1.0, 0.0]]), ("none", "tumour"), 0, groups=["a"])
    assert result["tumour_only_accuracy"] is None and result["detection_f1"] is None
    assert result["detection"]["f1"] is None and result["classes"]["none"]["roc_auc"] is None
    assert result["intervals"]["accuracy"] is None
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("targets", "probabilities", "groups", "message"),
    [
        ([], np.zeros((0, 2)), None, "no slice"),
        ([0, 1], np.zeros((2, 3)), None, r"\(2, 2\) are expected, not \(2, 3\)"),
        ([0, 2], np.zeros((2, 2)), None, r"0\.\.1, not 0\.\.2"),
        ([0, 1], np.full((2, 2), np.nan), None, "not finite"),
        ([0, 1], np.eye(2), ["a"], "1 patient names are given for 2 slices"),
    ],
)
def test_wrong_arguments_raise(targets, probabilities, groups, message):
    with pytest.raises(ValueError, match=message):
        classification_metrics(targets, probabilities, ("a", "b"), 0, groups=groups)
