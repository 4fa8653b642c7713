"""kgp.data.check: faults of a data set."""

import dataclasses

import numpy as np
import pytest

from kgp.data.check import check, is_blank, slice_faults
from kgp.data.sources.source import DataFault

CONTRASTS = ("T1", "FLAIR")


def what(faults, severity=None):
    return [fault.what for fault in faults if severity in (None, fault.severity)]


def test_nothing_is_wrong(list_source, three_patients):
    assert check(list_source(three_patients)) == []


def with_value(value, channel=slice(None)):
    image = np.random.default_rng(0).uniform(1, 2, (8, 8, 2)).astype(np.float32)
    image[..., channel] = value
    return image


@pytest.mark.parametrize(
    ("fields", "severity", "message"),
    [
        ({"image": np.ones((8, 8, 3))}, "error", "has 3 channels where 2 are expected."),
        ({"image": with_value(np.nan, 1)}, "error", "holds values that are not finite (NaN or infinity)."),
        ({"image": with_value(5.0)}, "warning", "is black (of one value all over) and will be left out."),
        ({"image": with_value(5.0, 1)}, "warning", "contrast FLAIR is of one value all over."),
        ({"spacing": (0.0, 1.0)}, "error", "has pixel spacing (0.0, 1.0) mm, which cannot be."),
        ({"spacing": (float("nan"), 1.0)}, "error", "has pixel spacing (nan, 1.0) mm, which cannot be."),
        ({"spacing": (0.01, 1.0)}, "error", "has pixel spacing (0.01, 1.0) mm, which cannot be."),
        ({"spacing": (1.0, 100.0)}, "error", "has pixel spacing (1.0, 100.0) mm, which cannot be."),
        ({"spacing_slice": 0.0}, "error", "lies 0.0 mm from the next slice, which cannot be."),
        ({"patient": "p\udcfc"}, "error", "has an id or name that is no text (bytes that are not UTF-8)."),
        ({"mask": np.zeros((4, 8), bool)}, "error", "has a mask of shape (4, 8) on a slice of (8, 8)."),
    ],
)
def test_a_slice(piece, fields, severity, message):
    assert slice_faults(piece("s", **fields), CONTRASTS) == [DataFault(severity, "s", message)]


@pytest.mark.parametrize(
    ("label", "name", "full", "message"),
    [
        (0, "healthy", True, "has label 0 but a mask that is not empty."),
        (1, "tumour", False, "has a tumour label but an empty mask."),
        (0, "tumour", False, "has a tumour label but an empty mask."),
        (1, "No Tumor", True, "has label 1 but a mask that is not empty."),
        (0, "tumour", True, None),
        (2, "normal", False, None),
        (2, "a", False, "has a tumour label but an empty mask."),
    ],
)
def test_a_mask_that_contradicts_its_label(list_source, piece, label, name, full, message):
    slice_ = dataclasses.replace(piece("s", mask=np.full((8, 8), full)), label=label, label_name=name)
    few = DataFault("warning", f"label {name}", "has 1 patient(s); 3 are needed for training, validation and test.")
    assert check(list_source({"a": [slice_]})) == [*([DataFault("warning", "s", message)] if message else []), few]


def test_the_other_labels_decide_what_label_0_means(list_source, piece):
    """Beside a label called healthy, label 0 is no label without tumour, whatever its own name."""
    full, empty = np.ones((8, 8), bool), np.zeros((8, 8), bool)
    pieces = [
        dataclasses.replace(piece(f"{name}{label}", name, mask=mask), label=label, label_name=word)
        for name in "pqr"
        for label, word, mask in ((0, "a", full), (1, "Healthy", empty))
    ]
    assert check(list_source({"all": pieces})) == []


def test_blank_slices():
    assert is_blank(np.zeros((4, 4, 2))) and is_blank(np.broadcast_to([1, 2], (4, 4, 2)))
    assert not is_blank(np.eye(4)[..., None])


def test_what_shows_across_cases(list_source, piece, three_patients):
    same = piece("twin", "z", 1)
    content = (
        three_patients
        | {
            "d": [piece("a_0", "d", 0)],  # an id of another patient; without a mask
            "e": [same, piece("twin2", "y", 1, image=same.image)],
            "f": [piece("big", "a", 2, image=with_value(1, 0)[:6], spacing=(1.0, 1.3))],
            "g": "g.png is missing.",
        }
    )
    found = check(list_source(content))
    assert DataFault("error", "a_0", "the id stands 2 times.") in found
    assert DataFault("error", "twin2", "has the same pixels as slice twin of another patient.") in found
    assert DataFault("error", "g", "g.png is missing.") in found
    assert DataFault("warning", "all", "4 of 10 slices have no mask.") in found
    assert (
        DataFault("warning", "all", "slices are of several sizes: 8x8x2 (9), 6x8x2 (1); training needs --size.")
        in found
    )
    assert DataFault("warning", "all", "pixel spacings run from 1 to 1.3 mm.") in found
    assert (
        DataFault("warning", "label other", "has 1 patient(s); 3 are needed for training, validation and test.")
        in found
    )


def test_labels_and_patients_go_one_to_one(list_source, piece, three_patients):
    content = three_patients | {"d": [dataclasses.replace(piece("d", "a", 1, group="q"), label_name="healthy")]}
    assert {(found.severity, found.where, found.what) for found in check(list_source(content))} == {
        ("error", "label 1", "goes with several values of label_name: healthy, tumour."),
        ("error", "label name healthy", "goes with several values of label: 0, 1."),
        ("error", "patient a", "goes with several values of group: a, q."),
        ("warning", "all", "1 of 7 slices have no mask."),
    }


def test_black_slices_of_two_patients_are_no_leak(list_source, piece, three_patients):
    black = {name: [piece(f"{name}_b", name, 0, image=np.zeros((8, 8, 2)))] for name in ("a", "b")}
    found = check(list_source(three_patients | {"x": black["a"], "y": black["b"]}))
    assert not what(found, "error")


def test_a_case_already_reported_is_not_reported_twice(list_source, three_patients):
    known = DataFault("error", "g", "the mask is missing.")
    assert check(list_source(three_patients | {"g": "cannot be read."}, faults=(known,))) == [known]


def test_nothing_can_be_read(list_source):
    assert "no slice can be read." in what(check(list_source({"a": "damaged."})), "error")
