"""How well slices are classified: scores, curves and calibration of targets and probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from kgp.evaluation.bootstrap import RESAMPLES, intervals_of
from kgp.evaluation.calibration_error import BINS, bins_of, brier_terms, calibration_error, reliability
from kgp.evaluation.class_scores import class_scores, confusion_matrix, overall_scores
from kgp.evaluation.ranking import resampled_areas

_CURVE_POINTS = 200
_SCORES_WITH_INTERVAL = (
    "accuracy", "tumour_only_accuracy", "macro_f1", "macro_precision", "macro_recall", "detection_f1",
    "detection_roc_auc", "detection_average_precision", "expected_calibration_error", "brier",
)  # fmt: skip


def classification_metrics(
    targets: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    no_tumour_class: int | None,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores of a classifier; the predicted class is the most probable one (the first of equals).

    What each score means stands in `kgp.evaluation.definitions`; how precision, recall and F1 are
    counted, and which classes enter their means, in `kgp.evaluation.class_scores`.

    * detection: any tumour class against "no tumour", with tumour as the positive class; its areas
      are for the score 1 - P(no tumour). None where no class means "no tumour".
    * classes: scores one against the rest. Precision, recall and F1 are None for a class that is
      neither true nor predicted anywhere, the areas for one that is never true.
    * intervals: [low, high] at 95 % by bootstrap over patients; None without `groups`, with fewer
      than 5 patients, or where the value is None.

    Args:
        targets: true class indices, int [N].
        probabilities: [N, K], rows summing to 1.
        class_names: names of the K classes.
        no_tumour_class: index of the class that means "no tumour", or None.
        groups: the patient of each slice [N], for the intervals.
        resamples: number of bootstrap resamples.
        seed: seed of the bootstrap.

    Returns:
        A dict of plain JSON values. What cannot be computed is None, never NaN.

    Raises:
        ValueError: shapes do not fit, there is no slice, or a probability is not finite.
    """
    targets = np.asarray(targets, int)
    probabilities = np.asarray(probabilities, np.float64)
    _check(targets, probabilities, class_names, groups)
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(targets, predicted, len(class_names))
    bins = reliability(targets, probabilities)
    values = {name: _number_or_none(score) for name, score in overall_scores(confusion[None], no_tumour_class).items()}
    return {
        "slices": len(targets),
        "patients": None if groups is None else len(set(groups)),
        **values,
        "detection": _detection(targets, predicted, probabilities, no_tumour_class),
        "classes": {
            name: _class_scores(targets == index, predicted == index, probabilities[:, index])
            for index, name in enumerate(class_names)
        },
        "confusion_matrix": confusion.tolist(),
        "expected_calibration_error": calibration_error(bins),
        "reliability": bins,
        "brier": float(brier_terms(targets, probabilities).mean()),
        "intervals": _intervals(targets, probabilities, no_tumour_class, groups, resamples, seed),
        "curves": {name: _curves(targets == index, probabilities[:, index]) for index, name in enumerate(class_names)},
    }


def _intervals(
    targets: np.ndarray,
    probabilities: np.ndarray,
    no_tumour_class: int | None,
    groups: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> dict[str, list[float] | None]:
    """Intervals of `_SCORES_WITH_INTERVAL`, each [low, high] or None."""
    if groups is None:
        return dict.fromkeys(_SCORES_WITH_INTERVAL)
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    right = predicted == targets
    confidence, bins = bins_of(probabilities)
    distance = brier_terms(targets, probabilities)

    def scores(draws: np.ndarray, patient: np.ndarray) -> dict[str, np.ndarray]:
        patients = draws.shape[1]
        confusions = np.zeros((patients, classes, classes), int)
        np.add.at(confusions, (patient, targets, predicted), 1)
        gaps = np.zeros((patients, BINS))
        np.add.at(gaps, (patient, bins), right - confidence)
        slices = draws @ np.bincount(patient, minlength=patients)
        found = overall_scores(np.tensordot(draws, confusions, axes=1), no_tumour_class)
        found["expected_calibration_error"] = np.abs(draws @ gaps).sum(axis=1) / slices
        found["brier"] = draws @ np.bincount(patient, distance, patients) / slices
        area, precision = np.full(len(draws), np.nan), np.full(len(draws), np.nan)
        if no_tumour_class is not None:
            score = 1.0 - probabilities[:, no_tumour_class]
            area, precision = resampled_areas(targets != no_tumour_class, score, draws, patient)
        found["detection_roc_auc"], found["detection_average_precision"] = area, precision
        return found

    intervals = intervals_of(groups, scores, resamples, seed)
    return {name: intervals[name] for name in _SCORES_WITH_INTERVAL}


def _detection(
    targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, no_tumour_class: int | None
) -> dict[str, Any] | None:
    if no_tumour_class is None:
        return None
    positive, score = targets != no_tumour_class, 1.0 - probabilities[:, no_tumour_class]
    return {**_class_scores(positive, predicted != no_tumour_class, score), "curves": _curves(positive, score)}


def _class_scores(true: np.ndarray, called: np.ndarray, score: np.ndarray) -> dict[str, Any]:
    """Scores of one class against the rest, from bool [N], bool [N] and its probability [N]."""
    confusion = confusion_matrix(true.astype(int), called.astype(int), 2)
    found = {name: values[1] for name, values in class_scores(confusion).items()}
    ranked = bool(true.any() and not true.all())
    return {
        "support": int(true.sum()),
        **{name: float(found[name]) if found["present"] else None for name in ("precision", "recall", "f1")},
        "roc_auc": float(metrics.roc_auc_score(true, score)) if ranked else None,
        "average_precision": float(metrics.average_precision_score(true, score)) if true.any() else None,
    }


def _curves(true: np.ndarray, score: np.ndarray) -> dict[str, Any]:
    """ROC and precision-recall curve of one class, of at most 200 points; None where undefined."""
    curves: dict[str, Any] = {"roc": None, "precision_recall": None}
    if true.any():
        precision, recall, _ = metrics.precision_recall_curve(true, score)
        curves["precision_recall"] = {"recall": _thinned(recall), "precision": _thinned(precision)}
        if not true.all():
            false_positive, true_positive, _ = metrics.roc_curve(true, score)
            curves["roc"] = {
                "false_positive_rate": _thinned(false_positive),
                "true_positive_rate": _thinned(true_positive),
            }
    return curves


def _thinned(values: np.ndarray) -> list[float]:
    kept = np.unique(np.linspace(0, len(values) - 1, min(len(values), _CURVE_POINTS)).round().astype(int))
    return [round(float(value), 6) for value in values[kept]]


def _number_or_none(score: np.ndarray) -> float | None:
    return None if np.isnan(score[0]) else float(score[0])


def _check(
    targets: np.ndarray, probabilities: np.ndarray, class_names: Sequence[str], groups: Sequence[str] | None
) -> None:
    count, classes = len(targets), len(class_names)
    if count == 0:
        raise ValueError("There is no slice to score.")
    if probabilities.shape != (count, classes):
        raise ValueError(f"Probabilities of shape {(count, classes)} are expected, not {probabilities.shape}.")
    if targets.min() < 0 or targets.max() >= classes:
        raise ValueError(f"Targets must lie in 0..{classes - 1}, not {targets.min()}..{targets.max()}.")
    if not np.isfinite(probabilities).all():
        raise ValueError("The probabilities hold values that are not finite (NaN or infinity).")
    if groups is not None and len(groups) != count:
        raise ValueError(f"{len(groups)} patient names are given for {count} slices.")
