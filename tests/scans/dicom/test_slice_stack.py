"""kgp.scans.dicom.slice_stack: the geometry of a series, and slices that make no straight stack."""

import dataclasses

import nibabel
import numpy as np
import pytest

pytest.importorskip("pydicom")

from kgp.errors import KgpError
from kgp.scans.dicom.place import SlicePlace, read_place
from kgp.scans.dicom.slice_stack import stack_slices


def place_at(position, **changes):
    """An axial slice of 5 x 6 pixels of 1.5 mm (between rows) x 0.5 mm, without a thickness."""
    place = SlicePlace("a slice", np.array(position, float), np.eye(3)[:2].ravel(), np.array([1.5, 0.5]), (5, 6), 0.0)
    return dataclasses.replace(place, **changes)


def places_along_z(*heights):
    return [place_at([-10.0, -20.0, height]) for height in heights]


def test_pixels_lie_where_the_headers_say(phantom_study, orientation):
    made = phantom_study(orientation)
    _, stack = stack_slices("here", [read_place(made.slice("T1", index), "") for index in range(6)])
    slices, rows, columns = np.array([[0, 5, 2], [0, 19, 5], [0, 13, 11]])
    across, down = made.cosines.reshape(2, 3)
    expected = np.array([-40.5, -33.25, 21.0]) + 3.25 * slices[:, None] * np.cross(across, down)
    expected = expected + 1.5 * rows[:, None] * down + 0.75 * columns[:, None] * across
    np.testing.assert_allclose(stack.to_patient(slices, rows, columns), expected, atol=1e-9)
    # The grid of a volume has its axes the other way round, and right and front instead of left and back.
    voxels = np.stack([columns, rows, slices], axis=1)
    ras = nibabel.affines.apply_affine(stack.grid.affine, voxels)
    np.testing.assert_allclose(ras, expected * [-1, -1, 1], atol=1e-6)
    assert stack.shape == (6, 20, 14) and stack.grid.shape == (14, 20, 6)
    np.testing.assert_allclose(stack.depths, 3.25, atol=1e-9)
    assert stack.spacing == (1.5, 0.75) and stack.thickness == 3.0 and stack.between_slices == pytest.approx(3.25)


def test_slices_are_ordered_along_the_normal():
    order, stack = stack_slices("here", places_along_z(33, 30, 39, 36))
    assert order == [1, 0, 3, 2] and stack.positions[:, 2].tolist() == [30, 33, 36, 39]


def test_a_single_slice_stands_for_its_thickness():
    _, stack = stack_slices("here", [place_at([0, 0, 0], thickness=4.0)])
    assert stack.depths.tolist() == [4.0] and stack.between_slices is None and stack.grid.spacing == (0.5, 1.5, 4.0)


def test_thickness_falls_back_to_the_distance():
    _, stack = stack_slices("here", places_along_z(0, 3.25, 6.5))
    assert stack.thickness == pytest.approx(3.25)


def test_distances_that_differ_a_little_count_as_they_are():
    _, stack = stack_slices("here", places_along_z(0, 3, 6.1))
    np.testing.assert_allclose(stack.depths, [3, 3.05, 3.1])


def test_a_tilted_stack_keeps_its_shear():
    _, stack = stack_slices("here", [place_at([0, number, 3 * number]) for number in range(4)])
    np.testing.assert_allclose(stack.grid.affine[:3, 2], [0.0, -1.0, 3.0])


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (places_along_z(0), "a slice is a single slice without a SliceThickness above 0, so its depth is not known"),
        (places_along_z(0, 6, 9, 12), "has a gap of 6.00 mm between slices 1 and 2 where the others are 3.00 mm apart"),
        (
            places_along_z(0, 0),
            r"has two slices at one position \(slices 1 and 2 along the stack\); one image a position is expected",
        ),
        (places_along_z(0, 3, 3, 6), "has two slices at one position"),
        (places_along_z(0, 0, 0), "has two slices at one position"),
        (
            [place_at([3.0 * number, 0, 0]) for number in range(4)],
            "has slices 1 and 2 in one plane, 3.00 mm apart within it",
        ),
        (
            [place_at([8.0 * (number % 2), 0, 3 * number]) for number in range(4)],
            "has slices that do not lie in one straight stack: slice . is shifted",
        ),
    ],
)
def test_places_that_make_no_stack(places, message):
    with pytest.raises(KgpError, match=message):
        stack_slices("here", places)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"orientation": np.array([1, 0, 0, 0, 0.8, 0.6])}, "odd is not parallel to the other slices of here"),
        ({"orientation": np.array([0.0, 1, 0, 1, 0, 0])}, "odd is not parallel to the other slices of here"),
        ({"spacing": np.array([1.5, 0.6])}, "odd has another matrix or pixel spacing than the other slices of here"),
        ({"shape": (6, 5)}, "odd has another matrix or pixel spacing than the other slices of here"),
    ],
)
def test_a_slice_that_does_not_fit(changes, message):
    with pytest.raises(KgpError, match=message):
        stack_slices("here", [*places_along_z(0, 3, 9), place_at([-10, -20, 6], name="odd", **changes)])


def test_a_series_that_claims_too_much():
    with pytest.raises(KgpError, match="here claims 60000x60000x1 voxels, more than are read"):
        stack_slices("here", [place_at([0, 0, 0], shape=(60000, 60000))])
