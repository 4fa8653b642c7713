"""serving.dicom_output.headers: foreign headers made fit, without touching them and without a word about the patient."""

import copy

import pytest

from kgp.errors import KgpError
from serving.dicom_output.grid import read_grid
from serving.dicom_output.headers import derivation_headers


def headers_of(result):
    return derivation_headers(result, read_grid(result.sources, result.frames))


def test_the_sources_stay_as_they_are(console_result, kind):
    result = console_result(kind=kind)
    before = copy.deepcopy(list(result.sources))
    headers_of(result)
    assert list(result.sources) == before


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("ISO_IR 100", "ISO_IR 100"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], ["ISO 2022 IR 13", "ISO 2022 IR 87"]),
        (["", "ISO 2022 IR 87"], "ISO_IR 192"),  # highdicom does not know the empty one
        ("latin1", "ISO_IR 192"),
        ("ISO_IR 6", None),
        ("", None),
    ],
)
def test_character_sets(given, kept, console_result):
    result = console_result()
    for source in result.sources:
        source.SpecificCharacterSet = given
    for header in headers_of(result):
        assert header.get("SpecificCharacterSet") == kept


def test_missing_values_of_patient_and_study_are_left_empty(console_result):
    result = console_result()
    for source in result.sources:
        del source.PatientBirthDate
        del source.AccessionNumber
    for header in headers_of(result):
        assert (header.PatientBirthDate, header.AccessionNumber, header.PatientID) == ("", "", "PHANTOM-7")


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PatientBirthDate", "1970-31-31x"),
        ("StudyDate", ["20200101", "20210101"]),
        ("StudyTime", "noon"),
        ("PatientSex", "SECRET"),
    ],
)
def test_values_that_cannot_be_read_are_left_empty_and_not_logged(name, value, console_result, caplog):
    result = console_result()
    for source in result.sources:
        setattr(source, name, value)
    caplog.clear()
    headers = headers_of(result)
    assert all(header[name].value in ("", None) for header in headers)
    assert caplog.messages == [f"{name} of the reference series cannot be read and is left empty."]


def test_an_enhanced_object_with_a_frame_without_position(console_result):
    result = console_result(kind="enhanced")
    other = next(number for number in range(1, 15) if number not in result.frames)
    del result.sources[0].PerFrameFunctionalGroupsSequence[other - 1].PlanePositionSequence
    with pytest.raises(KgpError, match=f"Frame {other} of the reference series has no PlanePositionSequence"):
        headers_of(result)


def test_private_elements_and_pixels_stay_behind(console_result):
    result = console_result()
    for source in result.sources:
        source.private_block(0x0029, "PHANTOM", create=True).add_new(0x01, "LO", "secret")
        source.PixelData = b"\0\0"
    for header in headers_of(result):
        assert not any(tag.is_private or tag.group == 0x7FE0 for tag in header.keys())  # noqa: SIM118


def test_slices_get_one_orientation_and_the_true_distance(console_result):
    result = console_result("oblique")
    result.sources[2].ImageOrientationPatient[0] = float(result.sources[2].ImageOrientationPatient[0]) + 1e-5
    headers = headers_of(result)
    assert len({tuple(header.ImageOrientationPatient) for header in headers}) == 1
    assert all(float(header.SpacingBetweenSlices) == pytest.approx(3.25) for header in headers)
