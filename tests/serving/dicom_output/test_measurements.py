"""serving.dicom_output.measurements: answers known by hand."""

import numpy as np
import pytest
from scipy import ndimage

from kgp.scans.dicom.place import SlicePlace
from kgp.scans.dicom.slice_stack import SliceStack
from serving.dicom_output.measurements import centroid_mm, laterality, longest_diameter_mm, study_finding, volume_mm3

AXIAL, SAGITTAL = (1.0, 0, 0, 0, 1, 0), (0.0, 1, 0, 0, 0, -1)


def stack_of(positions, orientation=AXIAL, spacing=(2.0, 0.5)):
    """Slices whose first pixels lie at the given positions."""
    return SliceStack(
        tuple(
            SlicePlace("", np.array(position, float), np.array(orientation), np.array(spacing), (3, 3), 1.0)
            for position in positions
        )
    )


def axial_stack(heights, spacing=(2.0, 0.5), x=0.0):
    """Axial slices at the given heights; first pixel at (x, 0, height)."""
    return stack_of([(x, 0.0, height) for height in heights], spacing=spacing)


def mask_of(shape, *pixels):
    mask = np.zeros(shape, bool)
    for pixel in pixels:
        mask[pixel] = True
    return mask


def test_volume_counts_area_times_distance_of_slices():
    mask = mask_of((3, 4, 5), (0, 0, 0), (1, 1, 1), (1, 1, 2))
    assert volume_mm3(mask, axial_stack([0, 3, 6])) == 3 * 2.0 * 0.5 * 3
    assert volume_mm3(np.zeros((3, 4, 5), bool), axial_stack([0, 3, 6])) == 0


def test_volume_takes_unequal_distances_as_they_are():
    # Slices at 0, 2 and 6 mm stand for 2, 3 and 4 mm.
    for index, depth in enumerate((2.0, 3.0, 4.0)):
        assert volume_mm3(mask_of((3, 4, 5), (index, 0, 0)), axial_stack([0, 2, 6])) == 2.0 * 0.5 * depth


def test_volume_of_a_series_is_not_that_of_its_thickness(study_result):
    result = study_result()
    assert result.geometry.thickness == 3.0
    assert volume_mm3(result.mask, result.geometry) == pytest.approx(result.mask.sum() * 1.5 * 0.75 * 3.25)


def test_diameter_lies_between_pixel_centres_of_one_slice():
    geometry = axial_stack([0, 30])
    # Three rows of 2 mm and eight columns of 0.5 mm: 6 and 4 mm apart.
    diagonal = [(0, 1 + step, 2 + column) for step in range(4) for column in (2 * step, 2 * step + 1, 2 * step + 2)]
    mask = mask_of((2, 8, 12), *diagonal, (1, 0, 0))
    assert longest_diameter_mm(mask, geometry) == pytest.approx(np.hypot(6.0, 4.0))


def test_diameter_does_not_join_regions():
    mask = mask_of((1, 8, 12), (0, 0, 0), (0, 0, 1), (0, 7, 11))
    assert longest_diameter_mm(mask, axial_stack([0, 1])) == 0.5
    assert longest_diameter_mm(mask_of((1, 8, 12), (0, 3, 3)), axial_stack([0, 1])) == 0
    assert longest_diameter_mm(np.zeros((1, 8, 12), bool), axial_stack([0, 1])) == 0


def test_diameter_is_the_largest_of_all_pairs():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random((1, 9, 11)) < 0.75
        geometry = axial_stack([0, 1])
        regions, count = ndimage.label(mask[0], structure=np.ones((3, 3)))
        longest = 0.0
        for region in range(1, count + 1):
            points = np.argwhere(regions == region) * np.array(geometry.spacing)
            longest = max(longest, np.linalg.norm(points[:, None] - points[None], axis=-1).max())
        assert longest_diameter_mm(mask, geometry) == pytest.approx(longest)


def test_centroid_in_patient_millimetres(study_result, orientation, affine_of):
    result = study_result(orientation)
    expected = affine_of(orientation) @ [*np.argwhere(result.mask).mean(axis=0), 1]
    np.testing.assert_allclose(centroid_mm(result.mask, result.geometry), expected[:3], atol=1e-6)


def test_centroid_weighs_slices_by_their_depth():
    mask = mask_of((3, 4, 5), (0, 0, 0), (2, 0, 0))
    np.testing.assert_allclose(centroid_mm(mask, axial_stack([0, 2, 6])), [0, 0, 6 * 4 / (2 + 4)])


def test_an_empty_mask_has_no_centroid():
    with pytest.raises(ValueError, match="an empty mask has no centroid"):
        centroid_mm(np.zeros((3, 4, 5), bool), axial_stack([0, 2, 6]))


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
    geometry = axial_stack([0, 1], spacing=(1.0, 1.0), x=x)
    assert laterality(mask_of((2, 3, 101), (0, 1, column)), geometry) == side


def test_laterality_of_what_crosses_and_of_nothing():
    geometry = axial_stack([0, 1], spacing=(1.0, 1.0), x=-50.0)
    assert laterality(mask_of((2, 3, 101), (0, 1, 80), (1, 1, 20)), geometry) is None
    assert laterality(np.zeros((2, 3, 101), bool), geometry) is None


def test_laterality_of_sagittal_slices():
    # Slices run along x from 40 to -40 mm: those of the patient's left are the first.
    geometry = stack_of([(x, 0, 0) for x in np.linspace(40, -40, 9)], SAGITTAL, (1.0, 1.0))
    assert laterality(mask_of((9, 3, 3), (0, 1, 1)), geometry) == "left"
    assert laterality(mask_of((9, 3, 3), (8, 1, 1)), geometry) == "right"


def test_a_study_is_a_tumour_where_one_slice_is(study_result, tumour_free_result):
    finding = study_finding(study_result())
    assert (finding.class_index, finding.tumour, finding.tumour_slices) == (1, True, 3)
    assert (finding.probability, finding.slice_index) == (0.95, 3)
    finding = study_finding(tumour_free_result)
    assert (finding.class_index, finding.tumour, finding.tumour_slices) == (0, False, 0)
    assert (finding.probability, finding.slice_index) == (0.8, 5)


def test_the_class_of_most_slices_is_the_studys(study_result):
    rows = [[0.2, 0.5, 0.3], [0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [1, 0, 0]]
    probabilities = np.array(rows)
    names = ("no tumour", "glioma", "meningioma")
    result = study_result(probabilities=probabilities, predicted=probabilities.argmax(axis=1), class_names=names)
    finding = study_finding(result)  # two slices each; the sums are 1.8 and 1.7
    assert (finding.class_index, finding.tumour_slices, finding.probability, finding.slice_index) == (1, 4, 0.7, 4)
    result = study_result(
        probabilities=probabilities, predicted=np.array([1, 2, 2, 0, 1, 2]), class_names=names, no_tumour_class=None
    )
    finding = study_finding(result)
    assert (finding.class_index, finding.tumour_slices, finding.probability) == (2, 6, 0.7)
