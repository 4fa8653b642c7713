import dataclasses

import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.evaluation.ladder import LadderSlice, RungMask, map_figures, rung_difference, rung_figures


def ladder_slice(number, dice, *, called=True, patient=None, true_pixels=100, **fields):
    """A slice whose mask has as many pixels as the true one, so that it shares `dice` of them."""
    patient = f"p{number}" if patient is None else patient
    mask = RungMask(dice, true_pixels, round(dice * true_pixels), 10.0 * (1 - dice))
    values = {"average_precision": dice, "peak_in_tumour": dice > 0.3, "tumour_share": number / 100, "volume": ""}
    return LadderSlice(
        str(number), patient, patient, called=called, true_pixels=true_pixels, rungs={"a": mask}, **values | fields
    )


SLICES = [ladder_slice(number, dice) for number, dice in enumerate([0.0, 0.2, 0.5, 0.6, 0.8, 0.9])]


def test_a_rung_by_hand():
    missed = [dataclasses.replace(one, called=one.id != "5") for one in SLICES]
    whatever, delivered = (rung_figures(missed, "a", delivered=kind) for kind in (False, True))
    assert (whatever["dice"]["median"], delivered["dice"]["median"]) == (0.55, 0.35)
    assert delivered["dice"]["mean"] == pytest.approx(2.1 / 6)
    assert whatever["thirds"] == {"small": 0.1, "middle": 0.55, "large": pytest.approx(0.85)}
    assert delivered["thirds"]["large"] == 0.4
    assert (whatever["dice_below_0.1"], delivered["dice_below_0.1"]) == (1 / 6, 2 / 6)
    assert (whatever["empty_share"], delivered["empty_share"]) == (0.0, 1 / 6)
    assert whatever["hd95"]["median"] == pytest.approx(4.5) and whatever["volume_dice"] is None
    assert delivered["dice"]["low"] is not None  # six patients


def test_volumes_are_laid_together_with_spurious_masks():
    """Half of 100 pixels found, and 50 more on a tumour-free slice of the same patient that is called a tumour."""
    spurious = dataclasses.replace(
        ladder_slice(2, 0.0, patient="p1", true_pixels=0), rungs={"a": RungMask(0.0, 50, 0, None)}
    )
    pieces = [ladder_slice(1, 0.5), spurious]
    assert rung_figures(pieces, "a", delivered=True)["volume_dice"]["median"] == 2 * 50 / 250
    quiet = [pieces[0], dataclasses.replace(spurious, called=False)]
    assert rung_figures(quiet, "a", delivered=True)["volume_dice"]["median"] == 0.5
    named = [dataclasses.replace(piece, volume=name) for piece, name in zip(pieces, "vw", strict=True)]
    assert rung_figures(named, "a", delivered=True)["volume_dice"]["median"] == 0.5


def test_the_map_by_hand():
    found = map_figures(SLICES)
    assert found["average_precision_in_head"]["median"] == 0.55
    assert (found["peak_hit_rate"], found["called_share"]) == (4 / 6, 1.0)


def test_differences_are_paired():
    """Every slice gains 0.1, so the interval is that very point, however much slices differ."""
    better = [
        dataclasses.replace(one, rungs={"a": dataclasses.replace(one.rungs["a"], dice=one.rungs["a"].dice + 0.1)})
        for one in SLICES
    ]
    found = rung_difference(SLICES, better[::-1], "a", delivered=True, resamples=50)
    for key in ("median", "mean"):
        assert (found[key]["difference"], found[key]["low"], found[key]["high"]) == pytest.approx((0.1, 0.1, 0.1))
    same_median = [dataclasses.replace(SLICES[0], rungs={"a": RungMask(0.3, 9, 9, None)}), *SLICES[1:]]
    found = rung_difference(SLICES, same_median, "a", delivered=True, resamples=50)
    assert found["median"]["difference"] == 0.0 and found["mean"]["difference"] == pytest.approx(0.05)
    assert found["mean"]["low"] == 0.0
    few = rung_difference(SLICES[:4], better[:4], "a", delivered=True)
    assert few["mean"]["difference"] == pytest.approx(0.1) and few["mean"]["low"] is None


def test_other_slices_are_refused():
    with pytest.raises(KgpError, match="1 differ, such as 5"):
        rung_difference(SLICES, SLICES[:5], "a", delivered=True)
    other = [dataclasses.replace(SLICES[0], true_pixels=7), *SLICES[1:]]
    with pytest.raises(KgpError, match="slice 0 with other persons or true masks"):
        rung_difference(SLICES, other, "a", delivered=True)


def test_without_tumour_slices_nothing_is_claimed():
    free = [dataclasses.replace(one, true_pixels=0) for one in SLICES]
    figures = rung_figures(free, "a", delivered=True)
    assert figures["dice"]["median"] is None and figures["thirds"]["small"] is None
    assert rung_difference(free, free, "a", delivered=True)["mean"]["difference"] is None
    assert np.isfinite(figures["tumour_slices"])
