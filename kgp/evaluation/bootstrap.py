"""Bootstrap over patients: a patient's slices depend on each other, so patients are drawn."""

from collections.abc import Sequence

import numpy as np


def patient_bootstrap(
    values: Sequence[float] | np.ndarray,
    groups: Sequence[str],
    *,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float | None, float | None, float | None]:
    """The median over slices with its percentile interval from a cluster bootstrap over patients.

    Each resample draws as many patients as there are, with replacement, and takes all slices of
    each draw.

    Args:
        values: one finite number a slice [N].
        groups: the patient of each slice [N].
        resamples: number of resamples.
        seed: seed of the draws; equal seeds give equal intervals.
        level: the interval's level.

    Returns:
        Median, low and high. All None without values; low and high None with a single patient,
        where nothing is known about how patients differ.

    Raises:
        ValueError: values and groups differ in length.
    """
    values = np.asarray(values, np.float64)
    if len(values) != len(groups):
        raise ValueError(f"{len(values)} values are given for {len(groups)} patient names.")
    if len(values) == 0:
        return None, None, None
    order = np.argsort(values)
    ascending = values[order]
    names, patient = np.unique(np.asarray(groups)[order], return_inverse=True)
    median = float(np.median(ascending))
    if len(names) < 2:
        return median, None, None
    draws = draw_counts(len(names), resamples, seed)
    results = [_median_of_repeated(ascending, times[patient]) for times in draws]
    low, high = interval(np.array(results), level)
    return median, low, high


def _median_of_repeated(ascending: np.ndarray, times: np.ndarray) -> float:
    """The median of ascending values [N], each of which counts so many times [N]."""
    cumulative = np.cumsum(times)
    middle = np.searchsorted(cumulative, ((cumulative[-1] - 1) // 2, cumulative[-1] // 2), side="right")
    return ascending[middle].sum() / 2.0


def draw_counts(patients: int, resamples: int, seed: int) -> np.ndarray:
    """How often each resample draws each patient, int [resamples, patients]."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(patients, np.full(patients, 1.0 / patients), size=resamples)


def interval(results: np.ndarray, level: float) -> tuple[float | None, float | None]:
    """The central percentile interval of results [R] without NaN; None where all are NaN."""
    results = results[~np.isnan(results)]
    if results.size == 0:
        return None, None
    low, high = np.quantile(results, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return float(low), float(high)
