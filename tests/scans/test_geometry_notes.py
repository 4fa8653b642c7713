"""kgp.scans.geometry_notes: headers that contradict themselves or say nothing."""

import nibabel
import numpy as np
import pytest

from kgp.scans.geometry_notes import geometry_notes, turned_note

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def header(sform, qform, codes=(1, 1)):
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.float32), AFFINE)
    image.set_qform(qform, codes[1])
    image.set_sform(sform, codes[0])
    return image


def shifted(x=0.0, y=0.0, z=0.0):
    affine = AFFINE.copy()
    affine[:3, 3] += (x, y, z)
    return affine


@pytest.mark.parametrize(
    ("qform", "distance"),
    [
        (shifted(10.0), "10"),
        (shifted(0.3, 0.4), "0.5"),
        (shifted(z=0.2), "0.2"),
        (np.diag([-1.0, 1.0, 2.0, 1.0]), "7"),  # the corner at 3.5 mm lies at -3.5 mm
        (np.diag([1.0, 1.0, 3.0, 1.0]), "5.5"),
        (np.diag([-1.0, -1.0, 2.0, 1.0]), "11.4"),
    ],
)
def test_qform_and_sform_that_contradict_each_other(qform, distance):
    (note,) = geometry_notes({"a.nii": header(AFFINE, qform), "b.nii": header(AFFINE, AFFINE)})
    assert note.startswith("has a qform and an sform that contradict each other (a.nii by up to ")
    assert note.endswith(" mm); the sform is taken.")
    assert f"by up to {distance} mm" in note


@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (2, 1), (4, 2), (1, 1)])
def test_headers_in_order_say_nothing(codes):
    assert geometry_notes({"a.nii": header(shifted(0.002), AFFINE, codes)}) == []


def test_one_of_two_places_alone_is_no_contradiction():
    assert geometry_notes({"a.nii": header(shifted(10.0), AFFINE, (1, 0))}) == []
    assert geometry_notes({"a.nii": header(shifted(10.0), AFFINE, (0, 1))}) == []


def test_neither_qform_nor_sform():
    images = {
        "a.nii": header(AFFINE, AFFINE, (0, 0)),
        "b.nii": header(AFFINE, AFFINE),
        "c.nii": header(AFFINE, AFFINE, (0, 0)),
    }
    (note,) = geometry_notes(images)
    assert note.startswith("has neither qform nor sform in a.nii, c.nii (both codes are 0); the voxel sizes are taken")


def test_a_qform_of_nonsense():
    image = header(AFFINE, AFFINE)
    image.header["quatern_b"] = 3.0
    (note,) = geometry_notes({"a.nii": image})
    assert "a.nii cannot be read by its qform" in note


def test_a_note_on_turned_axes():
    assert turned_note(["seg.nii"], "t1.nii").startswith("has the axes of seg.nii in another order or direction than")
