"""kgp.scans.dicom.contrast_conditions: what speaks for a contrast and what against it."""

import dataclasses
import math
import re
from pathlib import Path

import pytest

pytest.importorskip("pydicom")

from kgp.scans.dicom.acquisition import Acquisition
from kgp.scans.dicom.contrast_conditions import ContrastRule, Words, found, whole
from kgp.scans.dicom.files import StudyFile
from kgp.scans.dicom.header import ImageHeader

RULE = ContrastRule(
    words=Words(),
    agent=None,
    limits={
        "echo_time": ((50.0, 90.0),),
        "gradient_echo_time": ((0.0, 60.0),),
        "inversion_time": (None, (260.0, 900.0)),
    },
    plain_times=({"echo_time": (60.0, 70.0), "inversion_time": None},),
    planes=(),
    acquisition_contrast=re.compile("T2"),
    not_sequence=re.compile("GR IR"),
)


def header(echo_time=None, inversion_time=None, sequence=(), contrast=""):
    return ImageHeader(
        file=StudyFile("IM1", Path("IM1")), instance_uid="1", study_uid="2", series_uid="3", frame_of_reference="4",
        patient=("", ""), multiframe=False, description="", number=1, image_type=(), echo_time=echo_time,
        repetition_time=None, inversion_time=inversion_time, agent=False, pixel_kind=(), places=(), why_no_places="",
        acquisition=Acquisition(scanning_sequence=sequence, contrast=contrast),
    )  # fmt: skip


def test_words():
    words = Words(re.compile("t2"), re.compile("flair"))
    assert [words.match(text) for text in ("ax t2", "t2 flair", "t1")] == [True, False, False]
    assert not Words().match("t2") and not found(None, "t2") and not whole(words.words, "ax t2")


@pytest.mark.parametrize(
    ("said", "against"),
    [
        ({}, ""),
        ({"echo_time": 50.0, "inversion_time": 0.0}, ""),
        ({"echo_time": 49.0}, "its times do not agree"),
        ({"echo_time": math.nan}, "its times do not agree"),
        ({"inversion_time": 160.0}, "its times do not agree"),
        ({"echo_time": 80.0, "sequence": ("GR",)}, "its times do not agree"),
        ({"echo_time": 80.0, "sequence": ("SE", "GR")}, ""),
        ({"sequence": ("GR", "IR")}, "its ScanningSequence does not agree"),
        ({"contrast": "T1"}, "its AcquisitionContrast does not agree"),
    ],
)
def test_what_speaks_against_it(said, against):
    assert RULE.contradiction(header(**said)) == against


def test_planes_need_a_place():
    assert dataclasses.replace(RULE, planes=("axial",)).contradiction(header()) == "it lies in another plane"


def test_times_alone():
    assert RULE.is_plain_by_times(header(65.0)) and RULE.is_plain_by_times(header(65.0, 0.0))
    assert not any(RULE.is_plain_by_times(one) for one in (header(80.0), header(), header(65.0, 300.0)))
    limits = {"echo_time": ((50.0, 90.0),)}
    rule = dataclasses.replace(RULE, plain_times=(), limits=limits)
    assert rule.is_plain_by_times(header(80.0)) and not rule.is_plain_by_times(header())
    assert not dataclasses.replace(rule, limits={}).is_plain_by_times(header(80.0))
