import itertools

import numpy as np

from kgp.data.cohort import SliceRow
from kgp.evaluation.judge import judge
from kgp.evaluation.judged_slice import JudgedSlice
from kgp.evaluation.segmentation import Overlap, SegmentationRecord
from kgp.report.chosen_slices import choose_slices, draw_judged
from kgp.report.overlay import PANEL

_NUMBERS = itertools.count()


def judged(true, predicted, confidence, dice=None, reason=None):
    """A slice of class `true` of 0 and 1; it has a true mask where there is a Dice."""
    probabilities = np.array([confidence, 1 - confidence] if predicted == 0 else [1 - confidence, confidence])
    name = f"slice {next(_NUMBERS)}"
    records = {}
    if dice is not None:
        overlap = Overlap(dice, 0.0, None, 0, reason)
        records["best"] = SegmentationRecord(name, "p", "tumour", 5, overlap, overlap)
    return JudgedSlice(SliceRow(name, "p", "p", true, str(true)), true, probabilities, records)


def chosen_indices(slices):
    """(rule, index in the list) of the slices chosen."""
    return [(rule, slices.index(judged)) for rule, judged in choose_slices(slices, "best")]


def test_slices_are_chosen_by_rule():
    dices = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
    slices = [judged(0, 0, 0.9, dice) for dice in dices]
    slices += [judged(0, 1, 0.6, 0.0, "no_tumour"), judged(1, 0, 0.99), judged(1, 1, 1.0)]
    chosen = chosen_indices(slices)
    by_rule = {rule: [index for name, index in chosen if name == rule] for rule, _ in chosen}
    assert by_rule["highest Dice"] == [0, 1, 2]
    assert by_rule["median Dice"] == [6, 5, 4]  # the missed slice counts with Dice 0
    assert by_rule["lowest Dice of the slices called tumour"] == [8, 7]  # no picture is shown twice
    assert by_rule["most confident wrong answer"] == [10, 9]
    slices.append(judged(0, 0, 0.5, 0.0, "nothing_above"))
    assert ("lowest Dice of the slices called tumour", len(slices) - 1) in chosen_indices(slices)
    assert len({index for _, index in chosen}) == len(chosen)


def test_slices_without_masks():
    assert chosen_indices([judged(0, 0, 0.9), judged(0, 0, 0.8), judged(1, 0, 0.7)]) == [
        ("most confident right answer", 0),
        ("most confident right answer", 1),
        ("most confident wrong answer", 2),
    ]


def test_slices_are_drawn_on_their_own_grid(resized_cohort, bright_runtime):
    """The panels are squares, as the pixels are not; the outline drawn is that of the own mask."""
    rows, runtime = resized_cohort.rows[:2], bright_runtime()
    slices = judge(runtime, resized_cohort, rows, [0, 1], runtime.description.readings, "zero").slices
    free, tumour = (draw_judged(runtime, resized_cohort, one, None, "zero") for one in slices)
    assert free.shape == tumour.shape == (26 + PANEL, 3 * PANEL + 12, 3)
    green = (tumour[..., 1].astype(int) - tumour[..., 0] > 100).sum()
    assert green > 50 and (free[..., 1].astype(int) - free[..., 0] > 100).sum() == 0
