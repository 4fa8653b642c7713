"""kgp.scans.dicom.contrast_rules: which series is which contrast."""

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("pydicom")

from kgp.errors import UsageError
from kgp.scans.dicom.contrast_rules import read_rules
from kgp.scans.dicom.files import StudyFile
from kgp.scans.dicom.header import ImageHeader

HEADER = ImageHeader(
    file=StudyFile("IM1", Path("IM1")), instance_uid="1", study_uid="2", series_uid="3", frame_of_reference="4",
    patient=("", ""), multiframe=False, description="", number=1, image_type=("ORIGINAL", "PRIMARY"), echo_time=None,
    repetition_time=None, inversion_time=None, agent=False, pixel_kind=(), places=(), why_no_places="",
)  # fmt: skip


def contrasts(description="", rules=None, **changes):
    return read_rules(rules).contrasts_of(dataclasses.replace(HEADER, description=description, **changes))


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("t1_se_tra", "T1"),
        ("AX T1 PRE", "T1"),
        ("t1_mprage_sag_p2_iso", "T1"),
        ("3D BRAVO", "T1"),
        ("AX T1 POST GD", "T1ce"),
        ("t1_mpr_tra_KM", "T1ce"),
        ("T1 +C", "T1ce"),
        ("Ax T1 without contrast", "T1"),
        ("T1 posterior fossa", "T1"),
        ("t2_tse_tra", "T2"),
        ("AX T2 FSE", "T2"),
        ("t2_tirm_tra_dark-fluid", "FLAIR"),
        ("AX T2 FLAIR", "FLAIR"),
        ("3D FLAIR post gado", "FLAIR"),
        ("t2*_gre", ""),
        ("localizer", ""),
        ("3 plane loc", ""),
        ("ep2d_diff_tra ADC", ""),
        ("DWI t2", ""),
        ("perfusion t1", ""),
    ],
)
def test_descriptions(description, expected):
    assert contrasts(description) == {expected} - {""}


@pytest.mark.parametrize(
    ("numbers", "agent", "expected"),
    [
        ((9, 500, None), False, "T1"),
        ((9, 500, None), True, "T1ce"),
        ((3, 2000, 900), False, "T1"),
        ((95, 4000, None), False, "T2"),
        ((95, 4000, 0), True, "T2"),
        ((120, 9000, 2500), False, "FLAIR"),
        ((40, 4000, None), False, ""),
        ((None, 4000, None), False, ""),
    ],
)
def test_numbers_where_words_say_nothing(numbers, agent, expected):
    named = dict(zip(("echo_time", "repetition_time", "inversion_time"), numbers, strict=True))
    assert contrasts("head", agent=agent, **named) == {expected} - {""}


def test_the_agent_may_stand_in_its_attribute_alone():
    assert contrasts("t1 tra", agent=True) == {"T1ce"}


def test_image_types_are_left_out():
    assert contrasts("t1 tra", image_type=("DERIVED", "SECONDARY", "MPR")) == set()


def test_rules_of_ones_own(tmp_path):
    path = tmp_path / "rules.ini"
    path.write_text("[PD]\nwords = proton\n[T1]\nwords = ^anat$\nagent = no\n")
    assert contrasts("Proton density", rules=path) == {"PD"}
    assert contrasts("anat", rules=path) == {"T1"} and contrasts("anat 2", rules=path) == set()
    assert contrasts("anat", rules=path, agent=True) == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[T1]\nwords = (", r"words of \[T1\] is not a regular expression"),
        ("[T1]\nagent = perhaps", r"agent of \[T1\] is 'perhaps', not yes or no"),
        ("[T1]\necho_time = 5 to 9", r"echo_time of \[T1\] is '5 to 9' where LOW .. HIGH or none is expected"),
        ("[T1]\nword = t1", r"\[T1\] has the unknown key word"),
        ("[agent]\necho_time = 1 .. 2", r"\[agent\] has the unknown key echo_time"),
        ("words = t1", "is not a file of rules"),
        ("[T1]\n[T1]\n", "is not a file of rules"),
    ],
)
def test_rules_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "rules.ini"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_rules(path)


def test_rules_that_are_missing_or_no_text(tmp_path):
    with pytest.raises(UsageError, match=r"gone.ini cannot be read: No such file"):
        read_rules(tmp_path / "gone.ini")
    (tmp_path / "bytes.ini").write_bytes(b"\xff\xfe\0")
    with pytest.raises(UsageError, match=r"bytes.ini is not a file of rules"):
        read_rules(tmp_path / "bytes.ini")
