"""kgp.scans.dicom.preference: which of several series of one contrast is taken."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pydicom")

from kgp.scans.dicom.acquisition import Acquisition
from kgp.scans.dicom.contrast_rules import read_rules
from kgp.scans.dicom.files import StudyFile
from kgp.scans.dicom.header import ImageHeader
from kgp.scans.dicom.place import SlicePlace
from kgp.scans.dicom.preference import preferred

PLANES = {"axial": (1, 0, 0, 0, 1, 0), "sagittal": (0, 1, 0, 0, 0, -1)}
ORIGINAL, DERIVED = ("ORIGINAL", "PRIMARY", "M"), ("DERIVED", "PRIMARY", "OTHER")


def series(number, description, plane="axial", slices=30, distance=5.0, image_type=ORIGINAL, agent=False, acquired=""):
    orientation = np.array(PLANES[plane], float)
    normal = np.cross(orientation[:3], orientation[3:])
    places = tuple(
        SlicePlace("IM", index * distance * normal, orientation, np.ones(2), (240, 240), distance)
        for index in range(slices)
    )
    return ImageHeader(
        file=StudyFile("IM", Path("IM")), instance_uid="1", study_uid="2", series_uid=str(number), frame_of_reference="4",
        patient=("", ""), multiframe=False, description=description, number=number, image_type=image_type, echo_time=None,
        repetition_time=None, inversion_time=None, agent=agent, pixel_kind=(), places=places, why_no_places="",
        acquisition=Acquisition(acquired=acquired),
    )  # fmt: skip


def chosen(contrast, *study):
    rules = read_rules()
    headers = {header.series_uid: header for header in study}
    fitting = {uid: header for uid, header in headers.items() if contrast in rules.contrasts_of(header)}
    return preferred(contrast, fitting, headers, rules)


@pytest.mark.parametrize(
    ("contrast", "better", "worse", "why"),
    [
        ("T2", series(9, "t2 tra"), series(3, "t2 sag", "sagittal"), "not axial"),
        ("T2", series(3, "t2 tra", image_type=ORIGINAL), series(9, "t2 tra", image_type=DERIVED), "derived"),
        ("T2", series(3, "t2 tra"), series(9, "t2 tra iac", slices=20, distance=1.0), "covers less of the head"),
        ("T2", series(3, "t2 fse", slices=60, distance=2.5), series(9, "t2 tra"), "thicker slices"),
        ("T2", series(9, "t2 tra"), series(3, "t2 tra"), "repeated later"),
        ("T2", series(3, "t2 tra", acquired="202401021005"), series(9, "t2 tra", acquired="202401021000"), "repeated later"),
        ("T1", series(3, "t1 tra", image_type=(*ORIGINAL, "DIS3D")), series(9, "t1 tra_ND"), "not corrected for distortion"),
        ("FLAIR", series(3, "flair tra"), series(9, "flair tra", agent=True), "with contrast agent"),
        ("T2", series(3, "t2 tra", distance=5.2), series(9, "t2 sag", "sagittal", 160, 1.0), "not axial"),
    ],
)  # fmt: skip
def test_each_step(contrast, better, worse, why):
    expected = (better.series_uid, f"taken before series {worse.number} ({why})")
    assert chosen(contrast, better, worse) == expected
    assert chosen(contrast, worse, better) == expected
    assert chosen(contrast, better) == (better.series_uid, "")


def test_what_has_to_be_without_agent_is_taken_before_one_was_given():
    sagittal, post, axial = series(3, "t1 sag", "sagittal"), series(5, "t1 +C"), series(7, "t1 tra")
    assert chosen("T1", sagittal, post, axial) == ("3", "taken before series 7 (after a contrast agent was given)")
    native = dataclasses.replace(axial, description="t1 tra nativ")
    assert chosen("T1", sagittal, post, native) == ("7", "taken before series 3 (not axial)")
    assert chosen("T1", post, axial) == ("7", "")


@pytest.mark.parametrize(
    ("contrast", "study"),
    [
        ("T2", (series(3, "t2 tse tra"), series(4, "t2 tse tra fs"))),
        ("T1", (series(3, "t1 tra"), series(4, "t1 tra"))),  # the second could be with an agent that nobody named
        ("T2", (series(3, "t2 tra"), dataclasses.replace(series(3, "t2 tra", slices=1), series_uid="8"))),
        ("T2", ()),
    ],
)
def test_a_guess_is_not_made(contrast, study):
    assert chosen(contrast, *study) == ("", "")
