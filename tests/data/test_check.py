"""kgp.data.check: every finding about a data set in one list."""

import numpy as np
import pytest

from kgp.data.check import check, is_blank
from kgp.data.sources.source import Finding

BLACK = np.zeros((8, 8, 2), np.uint8)


def spoilt(channel=0, value=np.nan):
    image = np.random.default_rng(0).normal(size=(8, 8, 2)).astype(np.float32)
    image[3, 4, channel] = value
    return image


def flat_channel():
    image = np.random.default_rng(0).integers(1, 99, (8, 8, 2)).astype(np.uint8)
    image[..., 1] = 7
    return image


def test_data_without_a_flaw(list_source, three_patients):
    assert check(list_source(three_patients)) == []


@pytest.mark.parametrize(
    ("fields", "severity", "message"),
    [
        ({"image": spoilt()}, "error", "holds values that are not finite (NaN or infinity)."),
        ({"image": spoilt(1, -np.inf)}, "error", "holds values that are not finite (NaN or infinity)."),
        ({"image": BLACK}, "warning", "is black (of one value all over) and will be left out."),
        ({"image": BLACK + 5}, "warning", "is black (of one value all over) and will be left out."),
        ({"image": flat_channel()}, "warning", "contrast FLAIR is of one value all over."),
        ({"image": flat_channel()[..., :1]}, "error", "has 1 channels where 2 are expected."),
        ({"spacing": (0.0, 1.0)}, "error", "has pixel spacing (0.0, 1.0) mm, which cannot be."),
        ({"spacing": (1.0, float("nan"))}, "error", "has pixel spacing (1.0, nan) mm, which cannot be."),
        ({"mask": np.ones((8, 8), bool)}, "warning", "has label 0 but a mask that is not empty."),
        ({"mask": np.zeros((8, 8), bool), "label": 1}, "warning", "has a tumour label but an empty mask."),
        ({"mask": np.zeros((8, 7), bool)}, "error", "has a mask of shape (8, 7) on a slice of (8, 8)."),
    ],
)
def test_one_slice(list_source, three_patients, piece, fields, severity, message):
    findings = check(list_source(three_patients | {"x": [piece("x_0", "a", **fields)]}))
    assert Finding(severity, "x_0", message) in findings


def test_a_case_that_cannot_be_read_is_listed_once(list_source, three_patients):
    content = three_patients | {"x": "x/T1.nii.gz is cut short.", "y": "y/seg.nii.gz is missing."}
    known = Finding("error", "y", "seg is missing.")
    assert check(list_source(content, findings=(known,))) == [known, Finding("error", "x", "x/T1.nii.gz is cut short.")]


def test_the_same_pixels_in_two_patients(list_source, three_patients, piece):
    twin = three_patients["a"][0].image
    empty = np.zeros((8, 8), bool)
    within = piece("a_2", "a", image=twin.copy(), mask=empty)
    assert check(list_source(three_patients | {"x": [within]})) == []
    across = piece("b_2", "b", image=twin.copy(), mask=empty)
    assert check(list_source(three_patients | {"x": [across]})) == [
        Finding("error", "b_2", "has the same pixels as slice a_0 of another patient.")
    ]


def test_findings_across_cases(list_source, three_patients, piece):
    content = three_patients | {
        "x": [
            piece(
                "a_0",
                "a",
                image=np.ones((8, 9, 2), np.uint8) * np.arange(9, dtype=np.uint8)[:, None],
                spacing=(0.5, 0.5),
            )
        ],
        "y": [piece("y_0", "y", label=2, spacing=(1.0, 0.5))],
    }
    assert set(check(list_source(content))) == {
        Finding("error", "a_0", "the id stands 2 times."),
        Finding("warning", "all", "2 of 8 slices have no mask."),
        Finding("warning", "all", "slices are of several sizes: 8x8x2 (7), 8x9x2 (1); training needs --size."),
        Finding("warning", "all", "pixel spacings run from 0.5 to 1 mm."),
        Finding("warning", "label other", "has 1 patient(s); 3 are needed for training, validation and test."),
    }


def test_one_patient_only(list_source, three_patients):
    found = check(list_source({"a": three_patients["a"]}))
    assert [finding.where for finding in found] == ["label healthy", "label tumour"]


def test_nothing_can_be_read(list_source):
    assert Finding("error", "all", "no slice can be read.") in check(list_source({"a": "a is missing."}))


def test_blank():
    assert is_blank(BLACK) and is_blank(np.broadcast_to([3.0, -1.0], (4, 4, 2)))
    assert not is_blank(flat_channel())
