"""serving.dicom_output.grid: geometry from headers, and what is refused."""

import numpy as np
import pytest

from kgp.errors import KgpError
from serving.dicom_output.grid import read_grid


def test_pixels_lie_where_the_headers_say(console_result, orientation, kind, affine_of):
    result = console_result(orientation, kind)
    grid = read_grid(result.sources, result.frames)
    slices, rows, columns = np.array([[0, 6, 2], [0, 19, 5], [0, 13, 11]])
    expected = affine_of(orientation) @ np.array([slices, rows, columns, np.ones(3)])
    np.testing.assert_allclose(grid.to_patient(slices, rows, columns), expected[:3].T, atol=1e-9)
    np.testing.assert_allclose(grid.depths, 3.25, atol=1e-9)
    assert grid.spacing == (1.5, 0.75) and grid.thickness == 3.0 and grid.between_slices == pytest.approx(3.25)


def test_a_single_slice_stands_for_its_thickness(console_result):
    result = console_result()
    grid = read_grid(result.sources[:1], [None])
    assert grid.depths.tolist() == [3.0] and grid.between_slices is None


def test_thickness_falls_back_to_the_distance(console_result):
    sources = console_result().sources
    for source in sources:
        del source.SliceThickness
    assert read_grid(sources, [None] * 7).thickness == pytest.approx(3.25)


def test_shared_positions_of_a_single_frame(console_result):
    result = console_result(kind="enhanced")
    source = result.sources[0]
    own = source.PerFrameFunctionalGroupsSequence[result.frames[0] - 1]
    source.SharedFunctionalGroupsSequence[0].PlanePositionSequence = own.PlanePositionSequence
    source.PerFrameFunctionalGroupsSequence = [own]
    del own.PlanePositionSequence
    assert read_grid([source], [1]).positions.tolist() == [[-40.5, -33.25, 21.0]]


def remove(name):
    return lambda sources: [delattr(source, name) for source in sources[1:2]]


def replace(name, value):
    return lambda sources: setattr(sources[1], name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove("ImagePositionPatient"), "has no ImagePositionPatient, so its place in space is not known"),
        (remove("ImageOrientationPatient"), "has no ImageOrientationPatient"),
        (remove("PixelSpacing"), "has no PixelSpacing"),
        (replace("PixelSpacing", [1.5]), r"PixelSpacing of the reference series is not 2 finite number\(s\)"),
        (replace("PixelSpacing", [1.5, 0]), "PixelSpacing of the reference series is not above 0 mm"),
        (replace("PixelSpacing", [1.5, 0.8]), "Slice 2 of the reference series has another PixelSpacing"),
        (replace("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), "not two directions at right angles"),
        (replace("ImageOrientationPatient", [0, 1, 0, 1, 0, 0]), "Slice 2 of the reference series is not parallel"),
        (lambda sources: sources.reverse(), "Slices 1 and 2 of the reference series do not follow each other"),
        (lambda sources: sources.__setitem__(4, sources[3]), "Slices 4 and 5 .* do not follow each other"),
        (lambda sources: sources.pop(), "6 source objects stand for 7 slices; one a slice, or one multi-frame object"),
        (lambda sources: sources.clear(), "The reference series has no slice"),
    ],
)
def test_a_place_that_cannot_be_is_refused(change, message, console_result):
    sources = console_result().sources
    change(sources)
    with pytest.raises(KgpError, match=message):
        read_grid(sources, [None] * 7)


def test_a_single_slice_without_thickness_is_refused(console_result):
    source = console_result().sources[0]
    del source.SliceThickness
    with pytest.raises(KgpError, match="single slice without SliceThickness, so its depth is not known"):
        read_grid([source], [None])


def test_frames_that_are_not_there_are_refused(console_result):
    result = console_result(kind="enhanced")
    with pytest.raises(KgpError, match="has 14 frames, so there is no frame 15"):
        read_grid(result.sources, [15, *result.frames[1:]])
    with pytest.raises(KgpError, match="name frame numbers in part only"):
        read_grid(result.sources, [None, *result.frames[1:]])
    del result.sources[0].PerFrameFunctionalGroupsSequence[result.frames[2] - 1].PixelMeasuresSequence
    with pytest.raises(
        KgpError, match=f"Frame {result.frames[2]} of the reference series has no PixelMeasuresSequence"
    ):
        read_grid(result.sources, result.frames)
