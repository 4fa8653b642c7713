"""Trivial rivals of a network: what can be told of the same slices without looking for a tumour.

A network that such a rival beats has shown nothing, however good its figures look by themselves.
The rivals learn from the run's training part and are judged on the slices that the network is
judged on.
"""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.data.cohort import Cohort, SliceRow
from kgp.data.parts import part_of_run
from kgp.errors import KgpError
from kgp.evaluation import rivals_place, rivals_trees
from kgp.evaluation.bootstrap import RESAMPLES, intervals_of
from kgp.evaluation.class_scores import confusion_matrix, overall_scores
from kgp.evaluation.judged_slice import JudgedSlice
from kgp.run_folder import Run

MAJORITY = "the most frequent class alone"
NO_RUN = "No rivals: what an export or a served model was trained on is not at hand."
OWN_TRAINING = "No rivals: they learn from the training part, so nothing is known by judging them on it."
NO_TRAINING_PART = "No rivals: the slices of the training part are not at hand."
_SCORES = ("accuracy", "macro_f1", "detection_f1")
_NETWORK = "network"

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class RivalCalls:
    """What each rival calls the judged slices.

    Attributes:
        called: by rival ("trees", "place", "majority"), class index of each slice, int [N].
        what: by rival, what it goes by, in words.
        slices: slices of the training part.
        slices_of_trees: of them, those that the trees learned from.
        runs: from so many runs, whose slices are added up.
    """

    called: Mapping[str, np.ndarray]
    what: Mapping[str, str]
    slices: int
    slices_of_trees: int
    runs: int = 1


def call_rivals(
    known: tuple[Cohort, Sequence[SliceRow], Sequence[int]],
    cohort: Cohort,
    rows: Sequence[SliceRow],
    classes: int,
    channels: Sequence[int] | None = None,
) -> RivalCalls:
    """Lets the rivals learn from some slices and call others.

    Args:
        known: cohort, rows and class indices of the slices to learn from.
        cohort, rows: the slices to call.
        classes: number of classes.
        channels: which channel of `cohort` is each channel of the known one; default the same.

    Raises:
        KgpError: a slice cannot be read.
    """
    known_cohort, known_rows, targets = known
    chosen = rivals_trees.slices_to_learn_from(len(known_rows))
    small = rivals_trees.small_slices(known_cohort, [known_rows[number] for number in chosen])
    judged = rivals_trees.small_slices(cohort, rows, channels)
    what = {"trees": rivals_trees.WHAT}
    called = {"trees": rivals_trees.classes_by_trees(small, [targets[number] for number in chosen], judged)}
    places = rivals_place.known_places(known_cohort, known_rows, cohort, rows)
    if places is not None:
        what["place"] = places.what
        called["place"] = rivals_place.classes_by_place(places, targets, classes)
    what["majority"] = MAJORITY
    called["majority"] = np.full(len(rows), np.bincount(targets, minlength=classes).argmax())
    return RivalCalls(called, what, len(known_rows), len(chosen))


def call_rivals_of_run(
    run: Run | None,
    cohort: Cohort,
    rows: Sequence[SliceRow],
    channels: Sequence[int] | None = None,
    part: str = "",
) -> RivalCalls | str:
    """As `call_rivals`, with a run's training part to learn from; a sentence where there is none.

    Args:
        run: the network's run; None for an export or a served model.
        cohort, rows, channels: the slices to call.
        part: of the run's own split, where they are that part of `cohort`; "" for other data.
    """
    if run is None:
        return NO_RUN
    if part == "train":
        return OWN_TRAINING
    try:
        known = part_of_run(run, "train", cohort if part else None)
        return call_rivals(known, cohort, rows, len(run.class_names), channels)
    except KgpError as error:
        _log.info("No trivial rivals are judged: %s", error)
        return NO_TRAINING_PART


def pooled_calls(parts: Sequence[RivalCalls | str]) -> RivalCalls | str:
    """The calls of several runs' slices, one after the other; the first sentence where a run has
    none. A rival that not all runs have is left out.
    """
    calls = []
    for part in parts:
        if isinstance(part, str):
            return part
        calls.append(part)
    shared = [name for name in calls[0].what if all(part.what.get(name) == calls[0].what[name] for part in calls)]
    return RivalCalls(
        {name: np.concatenate([part.called[name] for part in calls]) for name in shared},
        {name: calls[0].what[name] for name in shared},
        sum(part.slices for part in calls),
        sum(part.slices_of_trees for part in calls),
        len(calls),
    )


def rival_metrics(
    slices: Sequence[JudgedSlice], class_names: Sequence[str], no_tumour_class: int | None, calls: RivalCalls | str
) -> dict[str, Any]:
    """The entry "rivals" of metrics.json: figures of each rival, and how far the network is ahead.

    The scores are those of `kgp.evaluation.class_scores`. Intervals come from a bootstrap over
    patients in which network and rivals are judged on the same draws.

    Args:
        slices: the judged slices.
        class_names: names of the K classes.
        no_tumour_class: index of the class that means "no tumour", or None.
        calls: what the rivals call these slices, or a sentence on why there are none.

    Returns:
        A dict of plain JSON values.
    """
    found: dict[str, Any] = {"why_none": None, "why_no_place": None, "figures": {}, "strongest": None, "warning": None}
    if isinstance(calls, str):
        return found | {"why_none": calls}
    targets = np.array([judged.target for judged in slices])
    groups = [judged.row.group for judged in slices]
    predicted = {_NETWORK: np.array([judged.predicted_class for judged in slices]), **calls.called}
    values, intervals = _scores(targets, predicted, groups, len(class_names), no_tumour_class)
    figures = {name: _figures(name, what, values, intervals) for name, what in calls.what.items()}
    strongest = max(figures, key=lambda name: figures[name]["macro_f1"])
    return found | {
        "learned_from": {"runs": calls.runs, "slices": calls.slices, "slices_of_trees": calls.slices_of_trees},
        "why_no_place": None if "place" in figures else rivals_place.UNKNOWN,
        "figures": figures,
        "strongest": strongest,
        "warning": _warning(figures[strongest], values[_NETWORK]["macro_f1"], targets),
    }


def _scores(
    targets: np.ndarray, predicted: Mapping[str, np.ndarray], groups: Sequence[str], classes: int, none: int | None
) -> tuple[dict[str, dict[str, float]], dict[str, list[float] | None]]:
    """Scores of network and rivals, and intervals of those of the rivals ("RIVAL SCORE") and of the
    network's less the rivals' ("RIVAL SCORE less").
    """
    values = {
        name: {key: float(score[0]) for key, score in _overall(targets, called, classes, none).items()}
        for name, called in predicted.items()
    }

    def drawn(draws: np.ndarray, patient: np.ndarray) -> dict[str, np.ndarray]:
        scores = {}
        for name, called in predicted.items():
            confusions = np.zeros((draws.shape[1], classes, classes), int)
            np.add.at(confusions, (patient, targets, called), 1)
            scores[name] = overall_scores(np.tensordot(draws, confusions, axes=1), none)
        rivals = [name for name in predicted if name != _NETWORK]
        return {
            f"{name} {key}{end}": scores[_NETWORK][key] - scores[name][key] if end else scores[name][key]
            for name in rivals
            for key in _SCORES
            for end in ("", " less")
        }

    return values, intervals_of(groups, drawn, RESAMPLES, 0)


def _overall(targets: np.ndarray, called: np.ndarray, classes: int, none: int | None) -> dict[str, np.ndarray]:
    return overall_scores(confusion_matrix(targets, called, classes)[None], none)


def _figures(
    name: str, what: str, values: dict[str, dict[str, float]], intervals: dict[str, list[float] | None]
) -> dict[str, Any]:
    """What metrics.json says of one rival; a score that is undefined is None."""
    ahead = {}
    for key in _SCORES:
        low, high = intervals[f"{name} {key} less"] or (None, None)
        ahead[key] = {"difference": _number(values[_NETWORK][key] - values[name][key]), "low": low, "high": high}
    return {
        "what": what,
        **{key: _number(values[name][key]) for key in _SCORES},
        "intervals": {key: intervals[f"{name} {key}"] for key in _SCORES},
        "network_ahead": ahead,
    }


def _number(score: float) -> float | None:
    return None if np.isnan(score) else score


def _warning(rival: dict[str, Any], network: float, targets: np.ndarray) -> str | None:
    """What a user must know where the network is not ahead of its strongest rival; None where it is,
    and where all slices are of one class, so that nothing is to be told apart.
    """
    if len(set(targets.tolist())) == 1:
        return None
    slices = len(targets)
    ahead = rival["network_ahead"]["macro_f1"]
    compared = f"(macro-F1 {network:.3f} against {rival['macro_f1']:.3f} of {rival['what']}"
    if ahead["difference"] <= 0:
        return (
            f"The network does not beat a trivial rival on the same {slices} slices {compared}), so nothing shows that "
            "it has learned what a tumour looks like; do not use it."
        )
    if ahead["low"] is not None and ahead["low"] <= 0:
        return (
            f"The network is not clearly better than a trivial rival on the same {slices} slices {compared}; difference "
            f"{ahead['difference']:.3f}, 95 % interval {ahead['low']:.3f} to {ahead['high']:.3f}), so its figures do not "
            "show yet that it has learned what a tumour looks like; judge it on more patients."
        )
    return None
