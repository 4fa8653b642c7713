"""serving.dicom_output.result_check: what does not fit is refused in one sentence."""

import numpy as np
import pydicom
import pytest

from kgp.errors import KgpError
from serving.dicom_output.result_check import check_result

SHAPE = (7, 20, 14)


def each(name, value):
    """Sets an attribute of every source."""
    return lambda sources: [setattr(source, name, value) for source in sources]


def second(name, value):
    """Sets an attribute of the second source."""
    return lambda sources: setattr(sources[1], name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda sources: sources.clear(), "The reference series has no slice"),
        (lambda sources: [delattr(one, "FrameOfReferenceUID") for one in sources], "has not one FrameOfReferenceUID"),
        (each("SOPInstanceUID", ""), "has not one SOPInstanceUID, so results cannot refer to it"),
        (second("SeriesInstanceUID", "1.2.9"), "The sources belong to 2 series; the slices of one series are expected"),
        (second("StudyInstanceUID", "1.2.9"), "The sources belong to 2 studies"),
        (second("FrameOfReferenceUID", "1.2.9"), "The sources belong to 2 frames of reference"),
        (second("PatientID", "SECRET"), "The sources belong to 2 patients"),
        (second("SOPInstanceUID", "1.2.840.99.1.2.1"), "have the same SOPInstanceUID"),
        (each("SOPClassUID", pydicom.uid.CTImageStorage), "The sources are CT Image Storage; MR images are expected"),
        (second("SOPClassUID", None), "The sources are of no SOP class; MR images are expected"),
        (each("SeriesInstanceUID", ["1.2", "1.3"]), "has not one SeriesInstanceUID"),
        (each("Rows", [20, 20]), r"where bool \[7, 0, 14\] is expected"),
        (each("Rows", None), r"The mask is bool \[7, 20, 14\] where bool \[7, 0, 14\] is expected"),
    ],
)
def test_sources_that_do_not_belong_together(change, message, console_result):
    result = console_result()
    change(result.sources)
    with pytest.raises(KgpError, match=message) as caught:
        check_result(result)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": np.zeros((7, 14, 20), bool)}, r"The mask is bool \[7, 14, 20\] where bool \[7, 20, 14\] is expected"),
        ({"mask": np.zeros(SHAPE, np.uint8)}, "The mask is uint8"),
        ({"heatmap": np.zeros(SHAPE)}, r"The heatmap is float64 \[7, 20, 14\] where float32"),
        ({"heatmap": np.full(SHAPE, np.nan, np.float32)}, r"The heatmap holds values that are not finite"),
        (
            {"overlays": np.zeros((6, 9, 9, 3), np.uint8)},
            r"The overlays are uint8 \[6, 9, 9, 3\] where uint8 \[7, h, w, 3\]",
        ),
        ({"overlays": np.zeros((7, 9, 9), np.uint8)}, "The overlays are uint8"),
        ({"probabilities": np.zeros((7, 3))}, r"The probabilities have shape \[7, 3\] where \[7, 2\] is expected"),
        ({"probabilities": np.full((7, 2), np.nan)}, "The probabilities are not all between 0 and 1"),
        ({"predicted": np.full(7, 2)}, "The classes called are not 7 numbers from 0 to 1"),
        ({"predicted": np.zeros(6, int)}, "The classes called are not 7 numbers"),
        ({"no_tumour_class": 2}, "no_tumour_class is 2 where 0 to 1 is expected"),
        ({"points": [[]]}, "There are evidence points for 1 slices where 7 are expected"),
        ({"points": [[(3, 14, 1.0)], *[[]] * 6]}, "An evidence point lies at row 3, column 14 .* within 20x14 pixels"),
        ({"points": [[(3, 4, np.nan)], *[[]] * 6]}, "with the contribution nan where a finite one"),
        ({"model": {"name": "n", "version": "1"}}, "The model is described without sha256"),
    ],
)
def test_arrays_that_do_not_fit(changes, message, console_result):
    with pytest.raises(KgpError, match=message):
        check_result(console_result(**changes))


def test_two_slices_of_one_frame(console_result):
    result = console_result(kind="enhanced")
    result.frames[1] = result.frames[0]
    with pytest.raises(KgpError, match="Two slices name the same frame"):
        check_result(result)


def test_a_series_of_single_slices_named_by_frame(console_result):
    with pytest.raises(KgpError, match="The sources are MR Image Storage; MR images are expected"):
        check_result(console_result(frames=list(range(1, 8))))
