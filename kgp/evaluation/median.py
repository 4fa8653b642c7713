"""Median and mean of values whose patients are known, as metrics.json gives them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kgp.evaluation.bootstrap import patient_bootstrap


def median_and_mean(values: Sequence[float], patients: Sequence[str], resamples: int, seed: int) -> dict[str, Any]:
    """Median with its interval over patients, and mean; all None without values."""
    median, low, high = patient_bootstrap(values, patients, resamples=resamples, seed=seed)
    return {"median": median, "low": low, "high": high, "mean": float(np.mean(values)) if len(values) else None}
