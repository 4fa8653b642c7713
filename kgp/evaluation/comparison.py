"""Two networks tested on the same slices of the same patients."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kgp.evaluation.bootstrap import (
    FEWEST_PATIENTS,
    LEVEL,
    RESAMPLES,
    draw_counts,
    few_patients,
    interval,
    median_of_repeated,
)
from kgp.evaluation.class_scores import overall_scores
from kgp.evaluation.delong import delong
from kgp.evaluation.predictions import Predictions, check_paired
from kgp.evaluation.ranking import resampled_areas

_NORMAL = 1.959963984540054  # standard errors in half a 95 % interval

# Takes predictions, draws int [R, patients] and the number of each slice's patient [N]; gives [R].
Figure = Callable[[Predictions, np.ndarray, np.ndarray], np.ndarray]


def compare_predictions(
    first: Predictions,
    second: Predictions,
    reading: str | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Every figure of both, its difference (second less first), interval and p.

    Intervals and p come from a paired bootstrap: each resample draws patients with all their
    slices, and both networks are judged on the same draw. p is twice the smaller share of resamples
    in which the difference is not above, or not below, 0 (each counted with one more), at most 1.
    Areas under the ROC curve have DeLong's interval and p beside it.

    Args:
        reading: compare the Dice of this reading alone; default of all that both have.

    Returns:
        A dict of plain JSON values. Intervals and p are None with fewer than 5 patients.

    Raises:
        KgpError: slices, patients, true classes or classes differ.
    """
    check_paired(first, second)
    names, patient = np.unique(np.asarray(first.groups), return_inverse=True)
    few = len(names) < FEWEST_PATIENTS
    once = np.ones((1, len(names)), int)
    draws = once if few else draw_counts(len(names), resamples, seed)
    figures = {}
    for name, figure in _figures(first, second, reading).items():
        values = [_one(figure(predictions, once, patient)) for predictions in (first, second)]
        drawn = figure(second, draws, patient) - figure(first, draws, patient)
        figures[name] = _tested(values, np.full(0, np.nan) if few else drawn)
    for name, true, scores in _areas(first, second):
        tested = None if few else delong(true, *scores)
        if name in figures and tested is not None:
            difference, error, p = tested
            half = _NORMAL * error
            figures[name]["delong"] = {"low": difference - half, "high": difference + half, "p": p}
    return {
        "slices": len(first.ids),
        "patients": len(names),
        "why_no_intervals": few_patients(len(names)),
        "why_no_dice": _why_no_dice(first, second),
        "figures": figures,
    }


def _figures(first: Predictions, second: Predictions, reading: str | None) -> dict[str, Figure]:
    """The figures that both have, by name."""
    figures: dict[str, Figure] = {"accuracy": _overall("accuracy"), "macro_f1": _overall("macro_f1")}
    if first.no_tumour_class is not None:
        figures["detection_f1"] = _overall("detection_f1")
    for number, (name, _, _) in enumerate(_areas(first, second)):
        figures[name] = _area(number)
    if _why_no_dice(first, second) is None:
        for name in first.dices:
            if name in second.dices and reading in (None, name):
                figures[f"median_dice_{name}"] = _median_dice(name)
    return figures


def _overall(name: str) -> Figure:
    def figure(predictions: Predictions, draws: np.ndarray, patient: np.ndarray) -> np.ndarray:
        classes = len(predictions.class_names)
        confusions = np.zeros((draws.shape[1], classes, classes), int)
        np.add.at(confusions, (patient, predictions.targets, predictions.predicted), 1)
        return overall_scores(np.tensordot(draws, confusions, axes=1), predictions.no_tumour_class)[name]

    return figure


def _area(number: int) -> Figure:
    def figure(predictions: Predictions, draws: np.ndarray, patient: np.ndarray) -> np.ndarray:
        _, true, (score, _) = _areas(predictions, predictions)[number]
        return resampled_areas(true, score, draws, patient)[0]

    return figure


def _median_dice(reading: str) -> Figure:
    """Of the slices whose true mask is not empty, as delivered."""

    def figure(predictions: Predictions, draws: np.ndarray, patient: np.ndarray) -> np.ndarray:
        tumour = predictions.true_pixels > 0
        dices, owner = predictions.dices[reading][tumour], patient[tumour]
        order = np.argsort(dices)
        return np.array([median_of_repeated(dices[order], times[owner[order]]) for times in draws])

    return figure


def _areas(first: Predictions, second: Predictions) -> list[tuple[str, np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """Name, truth and both scores of each ROC curve: tumour against none, and each class against
    the rest where there are more than two or none means "no tumour".
    """
    targets, none = first.targets, first.no_tumour_class
    both = (first.probabilities, second.probabilities)
    areas = []
    if none is not None:
        areas.append(("detection_roc_auc", targets != none, _pair([1.0 - p[:, none] for p in both])))
    if none is None or len(first.class_names) > 2:
        for index, name in enumerate(first.class_names):
            if index == none:
                continue  # against the rest it is tumour against none again
            areas.append((f"roc_auc_{name}", targets == index, _pair([p[:, index] for p in both])))
    return [area for area in areas if area[1].any() and not area[1].all()]


def _pair(scores: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return scores[0], scores[1]


def _tested(values: list[float | None], drawn: np.ndarray) -> dict[str, Any]:
    """One figure of both, its difference, and interval and p from differences of resamples."""
    drawn = drawn[~np.isnan(drawn)]
    low, high = interval(drawn, LEVEL)
    p = None
    if drawn.size:
        smaller = min((drawn <= 0).sum(), (drawn >= 0).sum())
        p = min(2.0 * (float(smaller) + 1.0) / (drawn.size + 1.0), 1.0)
    known = values[0] is not None and values[1] is not None
    return {
        "first": values[0],
        "second": values[1],
        "difference": (values[1] or 0.0) - (values[0] or 0.0) if known else None,
        "low": low,
        "high": high,
        "p": p,
        "favours": _favours(low, high),
    }


def _favours(low: float | None, high: float | None) -> str | None:
    """Which of the two the interval of the difference speaks for; None where it holds 0."""
    if low is None or high is None or low <= 0.0 <= high:
        return None
    return "second" if low > 0.0 else "first"


def _why_no_dice(first: Predictions, second: Predictions) -> str | None:
    """Why the Dice of the two is not compared; None where it can be."""
    if not set(first.dices) & set(second.dices):
        return "The two share no reading whose masks were judged, so no Dice is compared."
    differing = int((first.true_pixels != second.true_pixels).sum())
    if differing:
        return (
            f"The true masks of {differing} of {len(first.ids)} slices differ in size, so masks were judged on "
            "different grids and no Dice is compared."
        )
    return None


def _one(values: np.ndarray) -> float | None:
    return None if np.isnan(values[0]) else float(values[0])
