"""serving.dicom_output.radiological_view: whichever way slices are stored, they look the same."""

import numpy as np
import pytest

from kgp.scans.dicom.place import read_place
from kgp.scans.dicom.slice_stack import stack_slices
from serving.dicom_output.radiological_view import radiological_view


def view_of(cosines, phantom_study):
    """The view of a series of that orientation, and its geometry."""
    study = phantom_study(contrasts=("FLAIR",))
    study.cosines = np.array(cosines, float)
    places = [read_place(study.slice("FLAIR", index), "") for index in range(6)]
    _, geometry = stack_slices("The series", places)
    return radiological_view(geometry), geometry


@pytest.mark.parametrize(
    ("cosines", "letters"),
    [
        ((1, 0, 0, 0, 1, 0), "RLAP"),  # axial
        ((-1, 0, 0, 0, 1, 0), "RLAP"),  # mirrored, or feet first
        ((-1, 0, 0, 0, -1, 0), "RLAP"),  # prone
        ((0, 1, 0, -1, 0, 0), "RLAP"),  # on the side
        ((0, -1, 0, -1, 0, 0), "RLAP"),
        ((1, 0, 0, 0, 0, -1), "RLHF"),  # coronal
        ((0, 0, 1, -1, 0, 0), "RLHF"),
        ((0, 1, 0, 0, 0, -1), "APHF"),  # sagittal
        ((0, -1, 0, 0, 0, 1), "APHF"),
        ((0, 0, 1, 0, 1, 0), "APHF"),
    ],
)
def test_the_patient_lies_as_radiologists_expect(cosines, letters, phantom_study):
    view, geometry = view_of(cosines, phantom_study)
    assert view.left + view.right + view.up + view.down == letters
    # Pixels that hold a patient coordinate grow along each edge's direction, and points move with
    # them.
    along = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "H": (2, 1), "F": (2, -1)}
    count, rows, columns = geometry.shape
    indices = np.indices((count, rows, columns)).reshape(3, -1)
    patient = geometry.to_patient(*indices).reshape(count, rows, columns, 3)
    for name, edge in ((view.right, 2), (view.down, 1)):
        axis, sign = along[name]
        assert (np.diff(sign * view.turn(patient[..., axis]), axis=edge) > 0).all()
    turned = view.turn(patient[..., 0] + 100 * patient[..., 1] + 1e4 * patient[..., 2])
    row, column = view.turn_point(4, 9, turned.shape[1:])
    assert turned[2, row, column] == patient[2, 4, 9] @ [1, 100, 1e4]


def test_slanted_directions_have_several_letters(phantom_study):
    turn = np.radians(20.0)
    view, _ = view_of((np.cos(turn), np.sin(turn), 0, -np.sin(turn), np.cos(turn), 0), phantom_study)
    assert (view.right, view.left, view.down, view.up) == ("LP", "RA", "PR", "AL")
    turn = np.radians(10.0)
    view, _ = view_of((np.cos(turn), np.sin(turn), 0, -np.sin(turn), np.cos(turn), 0), phantom_study)
    assert (view.right, view.down) == ("L", "P")
