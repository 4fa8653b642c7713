"""serving.dicom_output.measurements: answers known by hand."""

import numpy as np
import pytest
from scipy import ndimage

from serving.dicom_output.grid import SliceGrid, read_grid
from serving.dicom_output.measurements import centroid_mm, laterality, longest_diameter_mm, study_finding, volume_mm3


def grid_of(projected, spacing=(2.0, 0.5), x=0.0):
    """Axial slices at the given heights; first pixel at (x, 0, height)."""
    positions = np.array([[x, 0.0, height] for height in projected], float)
    depths = np.gradient(positions[:, 2])
    return SliceGrid(positions, np.array([1.0, 0, 0]), np.array([0.0, 1, 0]), spacing, depths, 1.0)


def mask_of(shape, *pixels):
    mask = np.zeros(shape, bool)
    for pixel in pixels:
        mask[pixel] = True
    return mask


def test_volume_counts_area_times_distance_of_slices():
    mask = mask_of((3, 4, 5), (0, 0, 0), (1, 1, 1), (1, 1, 2))
    assert volume_mm3(mask, grid_of([0, 3, 6])) == 3 * 2.0 * 0.5 * 3
    assert volume_mm3(np.zeros((3, 4, 5), bool), grid_of([0, 3, 6])) == 0


def test_volume_takes_unequal_distances_as_they_are():
    # Slices at 0, 2 and 6 mm stand for 2, 3 and 4 mm.
    for index, depth in enumerate((2.0, 3.0, 4.0)):
        assert volume_mm3(mask_of((3, 4, 5), (index, 0, 0)), grid_of([0, 2, 6])) == 2.0 * 0.5 * depth


def test_volume_of_a_series_is_not_that_of_its_thickness(console_result):
    result = console_result()
    grid = read_grid(result.sources, result.frames)
    assert grid.thickness == 3.0
    assert volume_mm3(result.mask, grid) == pytest.approx(result.mask.sum() * 1.5 * 0.75 * 3.25)


def test_diameter_lies_between_pixel_centres_of_one_slice():
    grid = grid_of([0, 30])
    # Three rows of 2 mm and eight columns of 0.5 mm: 6 and 4 mm apart.
    diagonal = [(0, 1 + step, 2 + column) for step in range(4) for column in (2 * step, 2 * step + 1, 2 * step + 2)]
    mask = mask_of((2, 8, 12), *diagonal, (1, 0, 0))
    assert longest_diameter_mm(mask, grid) == pytest.approx(np.hypot(6.0, 4.0))


def test_diameter_does_not_join_regions():
    mask = mask_of((1, 8, 12), (0, 0, 0), (0, 0, 1), (0, 7, 11))
    assert longest_diameter_mm(mask, grid_of([0, 1])) == 0.5
    assert longest_diameter_mm(mask_of((1, 8, 12), (0, 3, 3)), grid_of([0, 1])) == 0
    assert longest_diameter_mm(np.zeros((1, 8, 12), bool), grid_of([0, 1])) == 0


def test_diameter_is_the_largest_of_all_pairs():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random((1, 9, 11)) < 0.75
        grid = grid_of([0, 1])
        regions, count = ndimage.label(mask[0], structure=np.ones((3, 3)))
        longest = 0.0
        for region in range(1, count + 1):
            points = np.argwhere(regions == region) * np.array(grid.spacing)
            longest = max(longest, np.linalg.norm(points[:, None] - points[None], axis=-1).max())
        assert longest_diameter_mm(mask, grid) == pytest.approx(longest)


def test_centroid_in_patient_millimetres(console_result, orientation, affine_of):
    result = console_result(orientation)
    grid = read_grid(result.sources, result.frames)
    indices = np.argwhere(result.mask).mean(axis=0)
    np.testing.assert_allclose(centroid_mm(result.mask, grid), (affine_of(orientation) @ [*indices, 1])[:3], atol=1e-6)


def test_centroid_weighs_slices_by_their_depth():
    mask = mask_of((3, 4, 5), (0, 0, 0), (2, 0, 0))
    np.testing.assert_allclose(centroid_mm(mask, grid_of([0, 2, 6])), [0, 0, 6 * 4 / (2 + 4)])


def test_an_empty_mask_has_no_centroid():
    with pytest.raises(ValueError, match="an empty mask has no centroid"):
        centroid_mm(np.zeros((3, 4, 5), bool), grid_of([0, 2, 6]))


@pytest.mark.parametrize(
    ("column", "x", "side"),
    [
        # 101 columns of 1 mm from x = -50 to 50; the patient's left has positive x.
        (80, -50.0, "left"),
        (20, -50.0, "right"),
        (55, -50.0, None),  # within 10 mm of the middle
        (35, -20.0, None),  # left of x = 0, but the middle of the volume lies at 30
        (80, -20.0, "left"),
    ],
)
def test_laterality(column, x, side):
    grid = grid_of([0, 1], spacing=(1.0, 1.0), x=x)
    assert laterality(mask_of((2, 3, 101), (0, 1, column)), grid) == side


def test_laterality_of_what_crosses_and_of_nothing():
    grid = grid_of([0, 1], spacing=(1.0, 1.0), x=-50.0)
    assert laterality(mask_of((2, 3, 101), (0, 1, 80), (1, 1, 20)), grid) is None
    assert laterality(np.zeros((2, 3, 101), bool), grid) is None


def test_laterality_of_sagittal_slices():
    # Slices run along x from -40 to 40 mm: those of the patient's left are the last.
    positions = np.stack([np.linspace(-40, 40, 9), np.zeros(9), np.zeros(9)], axis=1)
    grid = SliceGrid(positions, np.array([0.0, 1, 0]), np.array([0.0, 0, -1]), (1.0, 1.0), np.full(9, 10.0), 10.0)
    assert laterality(mask_of((9, 3, 3), (8, 1, 1)), grid) == "left"
    assert laterality(mask_of((9, 3, 3), (0, 1, 1)), grid) == "right"


def test_a_study_is_a_tumour_where_one_slice_is(console_result, tumour_free_result):
    finding = study_finding(console_result())
    assert (finding.class_index, finding.tumour, finding.tumour_slices) == (1, True, 3)
    assert (finding.probability, finding.slice_index) == (0.95, 3)
    finding = study_finding(tumour_free_result)
    assert (finding.class_index, finding.tumour, finding.tumour_slices) == (0, False, 0)
    assert (finding.probability, finding.slice_index) == (0.8, 5)


def test_the_class_of_most_slices_is_the_studys(console_result):
    rows = [[0.2, 0.5, 0.3], [0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [1, 0, 0], [1, 0, 0]]
    probabilities = np.array(rows)
    names = ("no tumour", "glioma", "meningioma")
    result = console_result(probabilities=probabilities, predicted=probabilities.argmax(axis=1), class_names=names)
    finding = study_finding(result)  # two slices each; the sums are 1.8 and 1.7
    assert (finding.class_index, finding.tumour_slices, finding.probability, finding.slice_index) == (1, 4, 0.7, 4)
    result = console_result(
        probabilities=probabilities, predicted=np.array([1, 2, 2, 0, 1, 2, 0]), class_names=names, no_tumour_class=None
    )
    finding = study_finding(result)
    assert (finding.class_index, finding.tumour_slices, finding.probability) == (2, 7, 0.7)
