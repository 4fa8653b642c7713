"""serving.dicom_output.frame_layout: frames ascend along the normal and keep their own pixels."""

import numpy as np
import pydicom
import pytest

from kgp.scans.dicom.privacy import quiet_libraries
from serving.dicom_output.frame_layout import put_frames_along_the_normal
from serving.dicom_output.headers import derivation_headers
from serving.dicom_output.identity import Uids
from serving.dicom_output.parametric_map import parametric_map
from serving.dicom_output.segmentation import segmentation


def test_frames_ascend_in_every_object(study_result, orientation):
    result = study_result(orientation)
    headers, uids = derivation_headers(result), Uids(None)
    normal = np.cross(result.geometry.along_row, result.geometry.along_column)
    with quiet_libraries():
        objects = [segmentation(result, headers, uids, fractional=fractional) for fractional in (False, True)]
        objects.append(parametric_map(result, headers, uids))
    for made in objects:
        groups = made.PerFrameFunctionalGroupsSequence
        positions = np.array([group.PlanePositionSequence[0].ImagePositionPatient for group in groups], float)
        np.testing.assert_allclose(np.diff(positions @ normal), 3.25, atol=1e-5)
        indices = [np.atleast_1d(group.FrameContentSequence[0].DimensionIndexValues)[-1] for group in groups]
        assert indices == list(range(1, len(groups) + 1))


@pytest.mark.parametrize("bits", [1, 8, 32])
def test_pixels_move_with_their_frames(phantom_study, bits):
    """3 frames of 3 x 3 pixels; with one bit each, frames do not begin with a byte."""
    frames = np.random.default_rng(0).integers(0, 2, (3, 9)).astype(np.uint8)
    made = pydicom.Dataset()
    made.Rows, made.Columns, made.BitsAllocated = 3, 3, bits
    orientation = pydicom.Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.SharedFunctionalGroupsSequence = [pydicom.Dataset()]
    made.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence = [orientation]
    made.PerFrameFunctionalGroupsSequence = [frame(index, 10 - index) for index in range(3)]
    if bits == 32:
        made.FloatPixelData = frames.astype("<f4").tobytes()
    else:
        data = (np.packbits(frames, bitorder="little") if bits == 1 else frames).tobytes()
        made.PixelData = data + b"\0" * (len(data) % 2)
    put_frames_along_the_normal(made)
    values = np.frombuffer(made.get("FloatPixelData") or made.PixelData, "<f4" if bits == 32 else np.uint8)
    values = np.unpackbits(values, bitorder="little") if bits == 1 else values
    np.testing.assert_array_equal(values[:27].reshape(3, 9), frames[::-1])
    assert [one.PlanePositionSequence[0].ImagePositionPatient[2] for one in made.PerFrameFunctionalGroupsSequence] == [
        8, 9, 10,
    ]  # fmt: skip


def frame(index, height):
    """Functional groups of a frame."""
    made, content, position = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    content.DimensionIndexValues = [1, index + 1]
    position.ImagePositionPatient = [0, 0, height]
    made.FrameContentSequence, made.PlanePositionSequence = [content], [position]
    return made
