import dataclasses
import json
from typing import NamedTuple

import numpy as np
import pytest

from kgp.heatmap.calibrate import OFFSETS, OffsetSearch, calibration
from kgp.heatmap.reading import IMAGE_LEVEL, PAPER, REFINED, Cleanup, Reading
from kgp.heatmap.threshold import cut_mask

PLAIN = Reading(map="class", region="picture", rule="multiotsu", cleanup=Cleanup())


class Slice(NamedTuple):
    """The arguments of `OffsetSearch.add`."""

    heatmap: np.ndarray
    predicted_class: int
    image: np.ndarray
    truth: np.ndarray | None
    patient: str


def calibrated(slices, candidates=OFFSETS):
    search = OffsetSearch(PAPER, 0, candidates)
    for one in slices:
        search.add(*one)
    return calibration(search)


def blob(patient: str, radius: float = 12.0, predicted: int = 1, mask: bool = True) -> Slice:
    """A heatmap that falls linearly from 10 at the centre; true where above 10 - radius / 2."""
    rows, columns = np.mgrid[:48, :48] - 23.5
    distance = np.hypot(rows, columns)
    heatmap = np.stack([np.zeros_like(distance), np.maximum(10.0 - distance / 2.0, 0.0)], axis=-1)
    return Slice(heatmap, predicted, np.ones((48, 48, 1)), distance < radius if mask else None, patient)


def test_offset_brings_the_mask_to_the_true_size():
    cases = [blob("a"), blob("b"), blob("c")]
    search = OffsetSearch(PLAIN, 0, np.linspace(-4.0, 4.0, 81))
    for case in cases:
        search.add(*case)
    offset, dice = search.best()
    result = cut_mask(cases[0].heatmap, 1, dataclasses.replace(PLAIN, offset=offset))
    assert result.threshold == pytest.approx(4.0, abs=0.1) and offset != 0.0 and dice > 0.99


def test_search_equals_cutting_with_each_offset():
    case, search = blob("a"), OffsetSearch(PAPER, 0, (0.0, 0.5, 2.0))
    search.add(*case)
    scores = {}
    for offset in search.candidates:
        mask = cut_mask(case.heatmap, 1, Reading(**{**PAPER.__dict__, "offset": offset})).mask
        scores[offset] = 2.0 * (mask & case.truth).sum() / (mask.sum() + case.truth.sum())
    offset, dice = search.best()
    assert dice == pytest.approx(max(scores.values())) and scores[offset] == max(scores.values())


@pytest.mark.parametrize(
    "cases",
    [
        [],
        [blob("a", mask=False)],
        [blob("a", radius=0.0)],
        [blob("a", predicted=0)],
    ],
    ids=["none", "no mask", "empty mask", "predicted no tumour"],
)
def test_without_usable_masks_the_offset_is_zero(cases):
    content = calibrated(cases, candidates=(0.0, 1.0))
    assert content["readings"]["paper"]["offset"] == 0.0
    assert (
        content["masks_used"] == dict.fromkeys(("paper", "image_level", "refined"), False) and content["patients"] == 0
    )


def test_only_the_papers_reading_looks_at_masks():
    cases = [blob("a"), blob("a"), blob("b")]
    content = calibrated(cases)
    assert content["default"] == "refined" and content["patients"] == 2 and content["slices"] == 3
    assert content["masks_used"] == {"paper": True, "image_level": False, "refined": False}
    readings = {name: Reading.from_dict(values) for name, values in json.loads(json.dumps(content["readings"])).items()}
    assert list(readings) == ["paper", "image_level", "refined"]
    assert (readings["image_level"], readings["refined"]) == (IMAGE_LEVEL, REFINED)


def test_smallest_of_equally_good_offsets_is_taken():
    case = blob("a")
    far = np.roll(case.truth, 24, axis=0) & ~case.truth & (case.heatmap[..., 1] == 0)
    search = OffsetSearch(PLAIN, 0, (-3.0, 0.5, 0.0, -1.0))
    search.add(*case._replace(truth=far))
    assert search.best() == (0.0, 0.0)


def test_rule_without_offset_and_no_candidates_are_refused():
    with pytest.raises(ValueError, match="'zero' has no offset"):
        OffsetSearch(Reading(rule="zero"), 0)
    with pytest.raises(ValueError, match="At least one candidate"):
        OffsetSearch(PLAIN, 0, ())
