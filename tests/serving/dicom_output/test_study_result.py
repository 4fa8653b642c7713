"""serving.dicom_output.study_result: what does not fit together is refused in one sentence."""

import dataclasses

import numpy as np
import pydicom
import pytest

from kgp.errors import KgpError
from kgp.scans.dicom.slice_stack import SliceStack

SHAPE = (6, 20, 14)


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
        (lambda sources: sources.pop(), "5 source objects stand for 6 slices; one a slice, or one multi-frame object"),
        (lambda sources: [delattr(one, "FrameOfReferenceUID") for one in sources], "has not one FrameOfReferenceUID"),
        (each("SOPInstanceUID", ""), "has not one SOPInstanceUID, so results cannot refer to it"),
        (second("SeriesInstanceUID", "1.2.9"), "The sources belong to 2 series; the slices of one series are expected"),
        (second("StudyInstanceUID", "1.2.9"), "The sources belong to 2 studies"),
        (second("FrameOfReferenceUID", "1.2.9"), "The sources belong to 2 frames of reference"),
        (second("PatientID", "SECRET"), "The sources belong to 2 patients"),
        (lambda sources: sources.__setitem__(1, sources[0]), "have the same SOPInstanceUID"),
        (each("SOPClassUID", pydicom.uid.CTImageStorage), "The sources are CT Image Storage; MR images are expected"),
        (second("SOPClassUID", None), "The sources are of no SOP class; MR images are expected"),
        (each("SeriesInstanceUID", ["1.2", "1.3"]), "has not one SeriesInstanceUID"),
    ],
)
def test_sources_that_do_not_belong_together(change, message, study_result):
    sources = study_result().sources
    change(sources)
    with pytest.raises(KgpError, match=message) as caught:
        study_result(sources=sources)
    assert "SECRET" not in str(caught.value)


def test_frames_that_do_not_fit(study_result):
    frames = study_result(kind="enhanced").frames
    with pytest.raises(KgpError, match="Two slices name the same frame"):
        study_result(kind="enhanced", frames=[frames[1], *frames[1:]])
    with pytest.raises(KgpError, match="name frame numbers in part only"):
        study_result(kind="enhanced", frames=[None, *frames[1:]])
    with pytest.raises(KgpError, match="6 source objects stand for 6 slices; one a slice, or one multi-frame object"):
        study_result(frames=frames)
    with pytest.raises(KgpError, match="The sources are MR Image Storage; MR images are expected"):
        study_result(sources=study_result().sources[:1], frames=frames)
    with pytest.raises(KgpError, match="The reference series has no slice"):
        study_result(frames=[])


def test_a_geometry_of_other_slices(study_result):
    geometry = study_result().geometry
    with pytest.raises(KgpError, match="The geometry has 5 slices where 6 are expected"):
        study_result(geometry=SliceStack(geometry.places[1:]))
    places = tuple(dataclasses.replace(place, shape=(14, 20)) for place in geometry.places)
    with pytest.raises(KgpError, match=r"The mask is bool \[6, 20, 14\] where bool \[6, 14, 20\] is expected"):
        study_result(geometry=SliceStack(places))


@pytest.mark.parametrize("kind", ["single", "enhanced"])
def test_sources_that_lie_elsewhere_than_the_geometry_says(kind, study_result):
    geometry = study_result().geometry
    with pytest.raises(KgpError, match="Slice 1 of the reference series does not lie where the geometry has it"):
        study_result(kind=kind, geometry=SliceStack(geometry.places[::-1]))
    frames = study_result(kind="enhanced").frames
    with pytest.raises(KgpError, match="Slice 2 of the reference series does not lie where the geometry has it"):
        study_result(kind="enhanced", frames=[frames[0], 99, *frames[2:]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": np.zeros((6, 14, 20), bool)}, r"The mask is bool \[6, 14, 20\] where bool \[6, 20, 14\] is expected"),
        ({"mask": np.zeros(SHAPE, np.uint8)}, "The mask is uint8"),
        ({"heatmap": np.zeros(SHAPE)}, r"The heatmap is float64 \[6, 20, 14\] where float32"),
        ({"heatmap": np.full(SHAPE, np.nan, np.float32)}, r"The heatmap holds values that are not finite"),
        (
            {"overlays": np.zeros((5, 9, 9, 3), np.uint8)},
            r"The overlays are uint8 \[5, 9, 9, 3\] where uint8 \[6, h, w, 3\]",
        ),
        ({"overlays": np.zeros((6, 9, 9), np.uint8)}, "The overlays are uint8"),
        ({"probabilities": np.zeros((6, 3))}, r"The probabilities have shape \[6, 3\] where \[6, 2\] is expected"),
        ({"probabilities": np.full((6, 2), np.nan)}, "The probabilities are not all between 0 and 1"),
        ({"predicted": np.full(6, 2)}, "The classes called are not 6 numbers from 0 to 1"),
        ({"predicted": np.zeros(5, int)}, "The classes called are not 6 numbers"),
        ({"no_tumour_class": 2}, "no_tumour_class is 2 where 0 to 1 is expected"),
        ({"points": [[]]}, "There are evidence points for 1 slices where 6 are expected"),
        ({"points": [[(3, 14, 1.0)], *[[]] * 5]}, "An evidence point lies at row 3, column 14 .* within 20x14 pixels"),
        ({"points": [[(3, 4, np.nan)], *[[]] * 5]}, "with the contribution nan where a finite one"),
        ({"model": {"name": "n", "version": "1"}}, "The model is described without sha256"),
    ],
)
def test_arrays_that_do_not_fit(changes, message, study_result):
    with pytest.raises(KgpError, match=message):
        study_result(**changes)
