"""Every score equals scikit-learn's, also where a class is absent on one side or on both."""

import numpy as np
import pytest
from sklearn import metrics

from kgp.evaluation.bootstrap import draw_counts
from kgp.evaluation.class_scores import class_scores, confusion_matrix, overall_scores
from kgp.evaluation.classification import classification_metrics
from kgp.training.loop import validation_figures

CASES = {
    "all classes": ([0, 1, 2, 2], [0, 1, 1, 2], 3),
    "a class never true is predicted": ([0, 0, 1], [0, 2, 1], 3),  # scikit-learn issue 23130
    "a class never predicted": ([0, 1, 2], [0, 1, 1], 3),
    "a class neither true nor predicted": ([0, 1, 1], [0, 1, 0], 3),
    "only one class, always right": ([1, 1], [1, 1], 3),
    "only one class, always wrong": ([1, 1], [2, 2], 3),
    "no tumour at all": ([0, 0, 0], [0, 0, 0], 2),
    "no tumour is true, tumours are called": ([0, 0], [0, 1], 2),
    "every class wrong": ([0, 1, 2], [1, 2, 0], 3),
    "one slice": ([2], [0], 4),
}


def overall(targets, predicted, classes, no_tumour_class=0):
    confusion = confusion_matrix(np.array(targets), np.array(predicted), classes)
    return {name: values[0] for name, values in overall_scores(confusion[None], no_tumour_class).items()}


@pytest.mark.parametrize(("targets", "predicted", "classes"), CASES.values(), ids=CASES)
def test_means_over_the_classes_equal_scikit_learn(targets, predicted, classes):
    expected = dict(
        zip(
            ("macro_precision", "macro_recall", "macro_f1"),
            metrics.precision_recall_fscore_support(targets, predicted, average="macro", zero_division=0)[:3],
            strict=True,
        )
    )
    expected["accuracy"] = metrics.accuracy_score(targets, predicted)
    found = overall(targets, predicted, classes)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-15)

    probabilities = np.eye(classes)[predicted]
    reported = classification_metrics(targets, probabilities, [f"c{index}" for index in range(classes)], 0)
    assert {name: reported[name] for name in expected} == pytest.approx(expected, abs=1e-15)

    validated = validation_figures(10.0 * probabilities, np.array(targets), np.ones(classes))
    assert validated["val_macro_f1"] == reported["macro_f1"]
    assert validated["val_accuracy"] == reported["accuracy"]


@pytest.mark.parametrize(("targets", "predicted", "classes"), CASES.values(), ids=CASES)
def test_each_class_equals_scikit_learn(targets, predicted, classes):
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        targets, predicted, labels=range(classes), zero_division=0
    )
    found = class_scores(confusion_matrix(np.array(targets), np.array(predicted), classes))
    np.testing.assert_allclose(found["precision"], precision, atol=1e-15)
    np.testing.assert_allclose(found["recall"], recall, atol=1e-15)
    np.testing.assert_allclose(found["f1"], f1, atol=1e-15)
    np.testing.assert_array_equal(found["present"], (support > 0) | np.isin(range(classes), predicted))


@pytest.mark.parametrize(("targets", "predicted", "classes"), CASES.values(), ids=CASES)
def test_detection_equals_scikit_learn(targets, predicted, classes):
    targets, predicted = np.array(targets), np.array(predicted)
    found = overall(targets, predicted, classes)["detection_f1"]
    if (targets == 0).all() and (predicted == 0).all():
        assert np.isnan(found)  # scikit-learn warns that it is ill-defined
    else:
        assert found == pytest.approx(metrics.f1_score(targets > 0, predicted > 0, zero_division=0), abs=1e-15)
    assert np.isnan(overall(targets, predicted, classes, no_tumour_class=None)["detection_f1"])


def test_the_bootstrap_counts_as_scikit_learn_does():
    """Resamples in which a class is absent are counted by the same rule."""
    rng = np.random.default_rng(0)
    targets, patient = rng.integers(0, 4, 24), np.repeat(np.arange(6), 4)
    predicted = np.where(rng.random(24) < 0.5, targets, rng.integers(0, 3, 24))
    confusions = np.zeros((6, 4, 4), int)
    np.add.at(confusions, (patient, targets, predicted), 1)
    draws = draw_counts(6, 50, seed=0)
    found = overall_scores(np.tensordot(draws, confusions, axes=1), 0)["macro_f1"]
    for times, score in zip(draws, found, strict=True):
        drawn = np.repeat(np.arange(24), times[patient])
        expected = metrics.f1_score(targets[drawn], predicted[drawn], average="macro", zero_division=0)
        assert score == pytest.approx(expected, abs=1e-15)
