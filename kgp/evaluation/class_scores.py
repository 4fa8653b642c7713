"""Accuracy, precision, recall and F1 from confusion matrices, as scikit-learn counts them.

This is the one place where these scores are defined: validation figures, metrics.json, its
intervals and `kgp compare` all take them from here.

The means over the classes ("macro") go over every class that is true or predicted somewhere. A
class that is predicted and never true has precision, recall and F1 of 0 and counts; so does one
that is true and never predicted. A class that is neither does not count. That is
`sklearn.metrics.f1_score(average="macro", zero_division=0)` without a list of labels.
"""

import numpy as np


def confusion_matrix(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts of true against predicted class, int [K, K], from class indices [N]; rows are true."""
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (targets, predicted), 1)
    return confusion


def class_scores(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of each class against the rest.

    Args:
        confusions: counts [..., K, K], rows true, columns predicted.

    Returns:
        precision, recall and f1 [..., K], 0 where a denominator is 0; present, bool [..., K]: the
        class is true or predicted somewhere.
    """
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    support, called = confusions.sum(axis=-1), confusions.sum(axis=-2)
    return {
        "precision": hits / np.maximum(called, 1),
        "recall": hits / np.maximum(support, 1),
        "f1": 2.0 * hits / np.maximum(support + called, 1),
        "present": support + called > 0,
    }


def overall_scores(confusions: np.ndarray, no_tumour_class: int | None) -> dict[str, np.ndarray]:
    """The headline scores of R confusion matrices [R, K, K], each [R]; NaN where undefined.

    * accuracy: share of slices whose predicted class is the true one.
    * tumour_only_accuracy: the same over the slices whose true class is not "no tumour".
    * macro_precision, macro_recall, macro_f1: means over the classes, see above.
    * detection_f1: F1 of any tumour class against "no tumour"; NaN where no class means "no
      tumour", or no slice is or is called a tumour.
    """
    of_class = class_scores(confusions)
    present = of_class["present"]
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    support, called = confusions.sum(axis=2), confusions.sum(axis=1)
    tumour = np.arange(confusions.shape[1]) != (-1 if no_tumour_class is None else no_tumour_class)
    scores = {
        "accuracy": _ratio(hits.sum(axis=1), support.sum(axis=1)),
        "tumour_only_accuracy": _ratio(hits[:, tumour].sum(axis=1), support[:, tumour].sum(axis=1)),
        **{
            f"macro_{name}": _ratio((of_class[name] * present).sum(axis=1), present.sum(axis=1))
            for name in ("f1", "precision", "recall")
        },
        "detection_f1": np.full(len(confusions), np.nan),
    }
    if no_tumour_class is not None:
        detected = confusions[:, tumour][:, :, tumour].sum(axis=(1, 2))
        scores["detection_f1"] = _ratio(2 * detected, support[:, tumour].sum(axis=1) + called[:, tumour].sum(axis=1))
    return scores


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)
