"""kgp.scans.dicom.place: what a header says of a slice's place, and what cannot be a place."""

import numpy as np
import pytest

pytest.importorskip("pydicom")

from kgp.errors import KgpError
from kgp.scans.dicom.place import frame_group, read_frame_places, read_place


def test_the_place_of_a_slice(phantom_study, orientation):
    made = phantom_study(orientation)
    place = read_place(made.slice("T1", 2), "IM1")
    across, down = made.cosines.reshape(2, 3)
    np.testing.assert_allclose(place.position, [-40.5, -33.25, 21.0] + 2 * 3.25 * np.cross(across, down), atol=1e-9)
    np.testing.assert_allclose(place.orientation, made.cosines, atol=1e-9)
    assert place.spacing.tolist() == [1.5, 0.75] and place.shape == (20, 14) and place.thickness == 3.0
    assert read_place(made.slice("T1", 2, SliceThickness=None), "IM1").thickness == 0.0


def test_the_place_of_each_frame(phantom_study):
    made = phantom_study()
    order = made.frame_order("T1")
    places = read_frame_places(made.enhanced("T1"), "IM0")
    np.testing.assert_allclose([place.position[2] for place in places], 21.0 + 3.25 * order)
    assert [place.name for place in places] == [f"IM0, frame {number}," for number in range(1, 7)]
    assert {place.thickness for place in places} == {3.0}


def test_a_frames_own_group_goes_before_the_shared_one(phantom_study):
    dataset = phantom_study().enhanced("T1")
    own = dataset.PerFrameFunctionalGroupsSequence[0]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PlanePositionSequence = own.PlanePositionSequence
    other = dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient
    assert frame_group(dataset, 1, "PlanePositionSequence").ImagePositionPatient == other
    del own.PlanePositionSequence
    assert frame_group(dataset, 0, "PlanePositionSequence") == shared.PlanePositionSequence[0]
    assert frame_group(dataset, 0, "MREchoSequence") is None


@pytest.mark.parametrize("name", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_a_missing_place(phantom_study, name):
    for value in (None, ""):
        with pytest.raises(KgpError, match=f"^IM1 has no {name}, so its place in space is not known"):
            read_place(phantom_study().slice("T1", 0, **{name: value}), "IM1")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Rows", None, "IM1 has no Rows, so its place in space is not known"),
        ("Rows", 0, "IM1 has a matrix of 0x14 pixels"),
        ("PixelSpacing", [1.5], r"IM1 has the PixelSpacing \[1.5\] where 2 finite number"),
        ("PixelSpacing", [1.5, 0.0], r"IM1 has the PixelSpacing \[1.5, 0\] where millimetres are expected"),
        ("ImagePositionPatient", [1.0, 2.0], r"IM1 has the ImagePositionPatient \[1, 2\] where 3 finite number"),
        ("ImagePositionPatient", [1.0, 2.0, float("nan")], r"IM1 has the ImagePositionPatient .* where 3 finite"),
        ("ImageOrientationPatient", [0.0] * 6, "IM1 has the ImageOrientationPatient .* at right angles"),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0], "IM1 has the ImageOrientationPatient .* at right angles"),
    ],
)
def test_a_place_that_cannot_be(phantom_study, name, value, message):
    with pytest.raises(KgpError, match=message):
        read_place(phantom_study().slice("T1", 0, **{name: value}), "IM1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"NumberOfFrames": 7}, "IM0 claims 7 frames and describes 6"),
        ({"PerFrameFunctionalGroupsSequence": None}, "IM0 claims 6 frames and describes 0"),
        ({"SharedFunctionalGroupsSequence": None}, "IM0, frame 1, has no ImageOrientationPatient"),
    ],
)
def test_frames_that_are_not_described(phantom_study, changes, message):
    with pytest.raises(KgpError, match=message):
        read_frame_places(phantom_study().enhanced("T1", **changes), "IM0")


@pytest.mark.parametrize(
    ("group", "attribute"),
    [("PixelMeasuresSequence", "PixelSpacing"), ("PlanePositionSequence", "ImagePositionPatient")],
)
def test_a_frame_without_its_group(phantom_study, group, attribute):
    dataset = phantom_study().enhanced("T1")
    delattr(dataset.PerFrameFunctionalGroupsSequence[2], group)
    with pytest.raises(KgpError, match=f"IM0, frame 3, has no {attribute}"):
        read_frame_places(dataset, "IM0")
