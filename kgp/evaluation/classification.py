"""How well slices are classified: scores, curves and calibration of targets and probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from kgp.evaluation.bootstrap import draw_counts, interval

_CURVE_POINTS = 200
_SCORES_WITH_INTERVAL = ("accuracy", "tumour_only_accuracy", "macro_f1", "detection_f1")


def classification_metrics(
    targets: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str],
    no_tumour_class: int | None,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores of a classifier; the predicted class is the most probable one (the first of equals).

    * accuracy: share of slices whose predicted class is the true one.
    * tumour_only_accuracy: the same over the slices whose true class is not "no tumour"; a tumour
      slice predicted as "no tumour" counts as wrong. Equal to accuracy where no class means "no
      tumour".
    * detection, detection_f1: any tumour class against "no tumour": precision, recall, F1 with
      tumour as the positive class, and the areas under both curves for the score 1 - P(no tumour).
      None where no class means "no tumour".
    * classes: precision, recall and F1 one against the rest, support, area under the ROC curve and
      average precision. A class that is never predicted has precision 0; all are None for a class
      without samples.
    * macro_precision, macro_recall, macro_f1: means over the classes that have samples.
    * expected_calibration_error: over 15 bins of equal width of the highest probability.
    * reliability: for each of those bins that is not empty: mean confidence, share of right
      answers, slices.
    * brier: mean over slices of the squared distance between probabilities and the one-hot target,
      in [0, 2].
    * confusion_matrix: rows true, columns predicted, in the order of `class_names`.
    * intervals: [low, high] at 95 % for accuracy, tumour_only_accuracy, macro_f1 and detection_f1
      by bootstrap over patients; None without `groups`, with a single patient, or where the value
      is None.

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
    classes = len(class_names)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (targets, predicted), 1)
    bins = _reliability(targets, predicted, probabilities)
    values = {name: _number_or_none(score) for name, score in _scores(confusion[None], no_tumour_class).items()}
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
        "expected_calibration_error": sum(
            entry["slices"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins
        )
        / len(targets),
        "reliability": bins,
        "brier": float(((probabilities - np.eye(classes)[targets]) ** 2).sum(axis=1).mean()),
        "intervals": _intervals(targets, predicted, classes, no_tumour_class, groups, resamples, seed),
        "curves": {name: _curves(targets == index, probabilities[:, index]) for index, name in enumerate(class_names)},
    }


def _scores(confusions: np.ndarray, no_tumour_class: int | None) -> dict[str, np.ndarray]:
    """The headline scores of R confusion matrices [R, K, K], each [R]; NaN where undefined."""
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    support, called = confusions.sum(axis=2), confusions.sum(axis=1)
    present = support > 0
    f1 = 2.0 * hits / np.maximum(support + called, 1)
    tumour = np.arange(confusions.shape[1]) != (-1 if no_tumour_class is None else no_tumour_class)
    scores = {
        "accuracy": _ratio(hits.sum(axis=1), support.sum(axis=1)),
        "tumour_only_accuracy": _ratio(hits[:, tumour].sum(axis=1), support[:, tumour].sum(axis=1)),
        "macro_f1": _ratio((f1 * present).sum(axis=1), present.sum(axis=1)),
        "macro_precision": _ratio((hits / np.maximum(called, 1) * present).sum(axis=1), present.sum(axis=1)),
        "macro_recall": _ratio((hits / np.maximum(support, 1)).sum(axis=1), present.sum(axis=1)),
        "detection_f1": np.full(len(confusions), np.nan),
    }
    if no_tumour_class is not None:
        detected = confusions[:, tumour][:, :, tumour].sum(axis=(1, 2))
        scores["detection_f1"] = _ratio(2 * detected, support[:, tumour].sum(axis=1) + called[:, tumour].sum(axis=1))
    return scores


def _intervals(
    targets: np.ndarray,
    predicted: np.ndarray,
    classes: int,
    no_tumour_class: int | None,
    groups: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> dict[str, list[float] | None]:
    intervals: dict[str, list[float] | None] = dict.fromkeys(_SCORES_WITH_INTERVAL)
    if groups is None or len(set(groups)) < 2:
        return intervals
    names, patient = np.unique(np.asarray(groups), return_inverse=True)
    confusions = np.zeros((len(names), classes, classes), int)
    np.add.at(confusions, (patient, targets, predicted), 1)
    draws = draw_counts(len(names), resamples, seed)
    scores = _scores(np.tensordot(draws, confusions, axes=1), no_tumour_class)
    for name in _SCORES_WITH_INTERVAL:
        low, high = interval(scores[name], 0.95)
        if low is not None and high is not None:
            intervals[name] = [low, high]
    return intervals


def _detection(
    targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, no_tumour_class: int | None
) -> dict[str, Any] | None:
    if no_tumour_class is None:
        return None
    positive, score = targets != no_tumour_class, 1.0 - probabilities[:, no_tumour_class]
    return {**_class_scores(positive, predicted != no_tumour_class, score), "curves": _curves(positive, score)}


def _class_scores(true: np.ndarray, called: np.ndarray, score: np.ndarray) -> dict[str, Any]:
    """Scores of one class against the rest, from bool [N], bool [N] and its probability [N]."""
    support = int(true.sum())
    if support == 0:
        return {"support": 0, "precision": None, "recall": None, "f1": None, "roc_auc": None, "average_precision": None}
    hits = int((true & called).sum())
    return {
        "support": support,
        "precision": hits / max(int(called.sum()), 1),
        "recall": hits / support,
        "f1": 2.0 * hits / (support + int(called.sum())),
        "roc_auc": None if true.all() else float(metrics.roc_auc_score(true, score)),
        "average_precision": float(metrics.average_precision_score(true, score)),
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


def _reliability(
    targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, bins: int = 15
) -> list[dict[str, Any]]:
    """Confidence against accuracy in bins of the highest probability, empty bins left out."""
    confidence, right = probabilities.max(axis=1), predicted == targets
    # Bins are closed above: (0, 1/15], (1/15, 2/15], ...
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        {
            "confidence": float(confidence[index == number].mean()),
            "accuracy": float(right[index == number].mean()),
            "slices": int((index == number).sum()),
        }
        for number in np.unique(index)
    ]


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)


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
