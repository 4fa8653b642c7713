"""Patients classified from their slices, and how often that is right."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kgp.evaluation.bootstrap import RESAMPLES, intervals_of
from kgp.evaluation.class_scores import confusion_matrix, overall_scores

_SCORES = ("accuracy", "macro_f1", "detection_f1")


def patient_metrics(
    targets: np.ndarray,
    probabilities: np.ndarray,
    no_tumour_class: int | None,
    groups: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Scores of patients in the place of slices.

    The true class of a patient is the one class of the slices that show a tumour, or "no tumour"
    where none does. Patients whose slices show several tumour classes have no one true class; they
    are left out and counted. The predicted class is that of `patient_class`.

    Args:
        targets: true class indices [N].
        probabilities: [N, K].
        no_tumour_class: index of the class that means "no tumour", or None.
        groups: the patient of each slice [N].
        resamples, seed: of the bootstrap over patients.

    Returns:
        A dict of plain JSON values; None where every patient has one slice, as slices and patients
        are then the same.
    """
    names, patient = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) == len(patient):
        return None
    true, called, left_out = [], [], 0
    for number in range(len(names)):
        own = patient == number
        shown = np.unique(targets[own])
        shown = shown[shown != no_tumour_class] if len(shown) > 1 else shown
        if len(shown) > 1:
            left_out += 1
            continue
        true.append(int(shown[0]))
        called.append(patient_class(probabilities[own], no_tumour_class))
    classes = probabilities.shape[1]
    confusions = np.zeros((len(true), classes, classes), int)
    confusions[range(len(true)), true, called] = 1

    def scores(draws: np.ndarray, _: np.ndarray) -> dict[str, np.ndarray]:
        return overall_scores(np.tensordot(draws, confusions, axes=1), no_tumour_class)

    confusion = confusion_matrix(np.array(true, int), np.array(called, int), classes)
    values = {name: score[0] for name, score in overall_scores(confusion[None], no_tumour_class).items()}
    intervals = intervals_of([str(number) for number in range(len(true))], scores, resamples, seed) if true else {}
    return {
        "patients": len(true),
        "patients_of_several_classes": left_out,
        **{name: None if np.isnan(values[name]) else float(values[name]) for name in _SCORES},
        "confusion_matrix": confusion.tolist(),
        "intervals": {name: intervals.get(name) for name in _SCORES},
    }


def patient_class(probabilities: np.ndarray, no_tumour_class: int | None) -> int:
    """The class of a patient from the probabilities of the slices [N, K].

    Among the slices called a tumour, the tumour class with the largest sum of probabilities (the
    first of equals); "no tumour" where no slice is called a tumour.
    """
    tumour = np.arange(probabilities.shape[1]) != (-1 if no_tumour_class is None else no_tumour_class)
    called = tumour[probabilities.argmax(axis=1)]
    if no_tumour_class is not None and not called.any():
        return no_tumour_class
    return int(np.where(tumour, probabilities[called].sum(axis=0), -1.0).argmax())
