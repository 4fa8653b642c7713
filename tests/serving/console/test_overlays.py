"""serving.console.overlays: pictures follow the radiological convention, with letters at the edges."""

import numpy as np
import pydicom
import pytest

from kgp.prediction.stack import StackPoint
from serving.console.overlays import slice_overlays
from serving.console.study import run_study
from serving.dicom_output.radiological_view import RadiologicalView

SHAPE = (24, 24)
STORED = RadiologicalView(False, False, False, "L", "P")


def drawn(view, stored, points=()):
    """The picture of a slice [H, W] of which only the mask is drawn, and the map is 0."""
    zeros = np.zeros((1, *stored.shape), np.float32)
    return slice_overlays(stored[None].astype(np.float32), zeros > 0, zeros, [points], (1.0, 1.0), view)[0]


@pytest.mark.parametrize(
    "view",
    [
        RadiologicalView(False, False, True, "L", "P"),  # mirrored
        RadiologicalView(False, True, True, "L", "P"),  # prone
        RadiologicalView(True, False, True, "L", "P"),  # on the side
    ],
)
def test_the_same_head_gives_the_same_picture(view):
    head = np.random.default_rng(0).integers(0, 100, SHAPE)
    stored = head[:: -1 if view.rows_flipped else 1, :: -1 if view.columns_flipped else 1]
    stored = stored.T if view.transposed else stored
    np.testing.assert_array_equal(view.turn(stored[None])[0], head)
    row, column = next((row, column) for row in range(24) for column in range(24)
                       if view.turn_point(row, column, SHAPE) == (5, 17))  # fmt: skip
    np.testing.assert_array_equal(
        drawn(view, stored, [StackPoint(row, column, 1.0)]), drawn(STORED, head, [StackPoint(5, 17, 1.0)])
    )


def test_letters_stand_at_the_edges_of_both_panels():
    black = np.zeros(SHAPE)
    changed = drawn(STORED, black) != drawn(RadiologicalView(False, False, False, "F", "H"), black)
    rows, columns = np.nonzero(changed.any(axis=2))
    assert set(columns // 288) == {0, 1}
    for panel in (0, 1):
        inside = columns // 288 == panel
        near = np.stack([columns % 288, rows], axis=1)[inside]
        edges = [near[:, 0] < 24, near[:, 0] > 288 - 52, near[:, 1] < 24, near[:, 1] > 288 - 24]
        assert all(edge.any() for edge in edges) and np.any(edges, axis=0).all()


def test_a_prone_study_gives_the_captures_of_the_same_head_on_its_back(phantom_study, console, tmp_path):
    supine = phantom_study()
    turned = {name: pixels[:, ::-1, ::-1] for name, pixels in supine.pixels.items()}
    captures = {}
    for name, study in (("supine", supine), ("prone", phantom_study("prone", pixels=turned))):
        run_study(study.write(tmp_path / name), console(), tmp_path / f"{name} out")
        files = sorted((tmp_path / f"{name} out" / "dicom").glob("capture_*.dcm"))
        captures[name] = np.array([pydicom.dcmread(path).pixel_array for path in files])
    np.testing.assert_array_equal(captures["prone"], captures["supine"])
