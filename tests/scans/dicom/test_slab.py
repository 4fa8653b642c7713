"""kgp.scans.dicom.slab: plane, distance and height of a series."""

import numpy as np
import pytest

pytest.importorskip("pydicom")

from kgp.scans.dicom.place import SlicePlace, read_place
from kgp.scans.dicom.slab import Slab, slab_of


def places_of(made, **changes):
    return [read_place(made.slice("T1", index, **changes), "IM") for index in (3, 0, 5, 1, 4, 2)]


@pytest.mark.parametrize(
    ("orientation", "plane", "height"),
    [("axial", "axial", 5 * 3.25), ("sagittal", "sagittal", 19 * 1.5), ("coronal", "coronal", 19 * 1.5)],
)
def test_series(phantom_study, orientation, plane, height):
    slab = slab_of(places_of(phantom_study(orientation)))
    assert slab.plane == plane and slab.distance == pytest.approx(3.25) and slab.height == pytest.approx(height)


def test_oblique_series_lie_in_the_plane_that_is_nearest(phantom_study):
    assert slab_of(places_of(phantom_study("oblique"))).plane == "axial"


def test_a_localiser_lies_in_several_planes(phantom_study):
    planes = [place for name in ("axial", "sagittal") for place in places_of(phantom_study(name))]
    assert slab_of(planes).plane == "several"


def test_a_single_slice_and_none():
    place = SlicePlace("IM", np.zeros(3), np.array([1.0, 0, 0, 0, 1, 0]), np.ones(2), (20, 14), 4.0)
    assert slab_of([place]) == Slab("axial", 4.0, 0.0)
    assert slab_of([]) == Slab("", 0.0, 0.0)
