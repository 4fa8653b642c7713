"""Areas under ROC and precision-recall curves of many resamples at once."""

import numpy as np

_AT_ONCE = 2_000_000  # counts in memory


def resampled_areas(
    true: np.ndarray, score: np.ndarray, draws: np.ndarray, patient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Area under the ROC curve and average precision of resamples of patients.

    Both are those of scikit-learn (`roc_auc_score`, `average_precision_score`) with
    `sample_weight`; equal scores are one threshold.

    Args:
        true: bool [N].
        score: higher for what is likelier true, [N].
        draws: how often each resample draws each patient, [R, patients].
        patient: number of each slice's patient [N].

    Returns:
        Areas and average precisions [R]; NaN where a resample lacks one class (for the average
        precision: the true one).
    """
    order = np.argsort(-score, kind="stable")
    true, score, patient = true[order], score[order], patient[order]
    last = np.flatnonzero(np.append(np.diff(score) != 0, True))  # of each run of equal scores
    rows = max(_AT_ONCE // max(len(true), 1), 1)
    areas, precisions = [], []
    for start in range(0, len(draws), rows):
        some = draws[start : start + rows, patient].astype(np.float64)
        found = np.cumsum(some * true, axis=1)[:, last]
        false = np.cumsum(some * ~true, axis=1)[:, last]
        with np.errstate(invalid="ignore", divide="ignore"):
            step = np.diff(found, axis=1, prepend=0.0)
            height = found - step / 2.0
            area = (np.diff(false, axis=1, prepend=0.0) * height).sum(axis=1) / (found[:, -1] * false[:, -1])
            precision = np.where(found + false > 0, found / np.maximum(found + false, 1e-300), 0.0)
            mean = (step * precision).sum(axis=1) / found[:, -1]
        areas.append(np.where(found[:, -1] * false[:, -1] > 0, area, np.nan))
        precisions.append(np.where(found[:, -1] > 0, mean, np.nan))
    return np.concatenate(areas), np.concatenate(precisions)
