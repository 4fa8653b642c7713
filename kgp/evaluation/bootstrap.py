"""Bootstrap over patients: a patient's slices depend on each other, so patients are drawn."""

from collections.abc import Callable, Sequence

import numpy as np

FEWEST_PATIENTS = 5  # below, an interval would pretend to a knowledge that nobody has
RESAMPLES = 2000
LEVEL = 0.95


def patient_bootstrap(
    values: Sequence[float] | np.ndarray,
    groups: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
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
        Median, low and high. All None without values; low and high None with fewer than 5 patients,
        where next to nothing is known about how patients differ.

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
    if len(names) < FEWEST_PATIENTS:
        return median, None, None
    draws = draw_counts(len(names), resamples, seed)
    results = [median_of_repeated(ascending, times[patient]) for times in draws]
    low, high = interval(np.array(results), level)
    return median, low, high


def median_of_repeated(ascending: np.ndarray, times: np.ndarray) -> float:
    """The median of ascending values [N], each of which counts so many times [N]; NaN where none
    does.
    """
    cumulative = np.cumsum(times)
    if cumulative.size == 0 or cumulative[-1] == 0:
        return float("nan")
    middle = np.searchsorted(cumulative, ((cumulative[-1] - 1) // 2, cumulative[-1] // 2), side="right")
    return float(ascending[middle].sum() / 2.0)


def draw_counts(patients: int, resamples: int, seed: int) -> np.ndarray:
    """How often each resample draws each patient, int [resamples, patients]."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(patients, np.full(patients, 1.0 / patients), size=resamples)


def intervals_of(
    groups: Sequence[str], scores: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]], resamples: int, seed: int
) -> dict[str, list[float] | None]:
    """Intervals of scores that are computed for all resamples at once.

    Args:
        groups: the patient of each slice [N].
        scores: takes the draws, int [resamples, patients], and the number of each slice's patient
            [N]; gives each score [resamples], NaN where undefined.

    Returns:
        [low, high] of each score at 95 %; None with fewer than 5 patients or where a score is
        undefined in every resample.
    """
    names, patient = np.unique(np.asarray(groups), return_inverse=True)
    few = len(names) < FEWEST_PATIENTS
    found = scores(draw_counts(len(names), 1 if few else resamples, seed), patient)
    intervals: dict[str, list[float] | None] = {}
    for name, values in found.items():
        low, high = interval(values, LEVEL)
        intervals[name] = None if few or low is None or high is None else [low, high]
    return intervals


def interval(results: np.ndarray, level: float) -> tuple[float | None, float | None]:
    """The central percentile interval of results [R] without NaN; None where all are NaN."""
    results = results[~np.isnan(results)]
    if results.size == 0:
        return None, None
    low, high = np.quantile(results, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return float(low), float(high)


def few_patients(patients: int) -> str | None:
    """The sentence that stands in the place of intervals where there are too few patients."""
    if patients >= FEWEST_PATIENTS:
        return None
    return (
        f"No intervals are given: {patients} patient{'s' if patients != 1 else ''} "
        f"{'are' if patients != 1 else 'is'} too few to tell how patients differ (at least {FEWEST_PATIENTS} are needed)."
    )
