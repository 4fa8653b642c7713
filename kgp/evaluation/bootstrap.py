"""Bootstrap over patients: slices of one patient are not independent, so whole patients are drawn."""

from collections.abc import Callable, Sequence

import numpy as np


def patient_bootstrap(
    values: Sequence[float] | np.ndarray,
    groups: Sequence[str],
    statistic: Callable = np.median,
    *,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float | None, float | None, float | None]:
    """A statistic over slices with its percentile interval from a cluster bootstrap over patients.

    Each resample draws as many patients as there are, with replacement, and takes all slices of each draw.

    Args:
        values: one number a slice [N], or one row a slice [N, ...].
        groups: the patient of each slice [N].
        statistic: maps values [M] (or [M, ...]) to a number; NaN in a resample leaves that resample out.
        resamples: number of resamples.
        seed: seed of the draws; equal seeds give equal intervals.
        level: the interval's level.

    Returns:
        Value, low and high. All None without values; low and high None with a single patient, where nothing is known
        about how patients differ.

    Raises:
        ValueError: values and groups differ in length.
    """
    values = np.asarray(values)
    if len(values) != len(groups):
        raise ValueError(f"{len(values)} values are given for {len(groups)} patient names.")
    if len(values) == 0:
        return None, None, None
    names, patient = np.unique(np.asarray(groups), return_inverse=True)
    value = float(statistic(values))
    if len(names) < 2:
        return value, None, None
    draws = draw_counts(len(names), resamples, seed)
    results = np.array([statistic(np.repeat(values, times, axis=0)) for times in draws[:, patient]])
    low, high = interval(results, level)
    return value, low, high


def draw_counts(patients: int, resamples: int, seed: int) -> np.ndarray:
    """How often each patient is drawn in each resample, int [resamples, patients]; rows sum to `patients`."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(patients, np.full(patients, 1.0 / patients), size=resamples)


def interval(results: np.ndarray, level: float) -> tuple[float | None, float | None]:
    """The central percentile interval of resampled results [R], leaving out NaN; None where all are."""
    results = results[~np.isnan(results)]
    if results.size == 0:
        return None, None
    low, high = np.quantile(results, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return float(low), float(high)
