"""serving.dicom_output.headers: foreign headers made fit, without changing them or naming the
patient.
"""

import copy

import pytest

from serving.dicom_output.headers import derivation_headers


def test_the_sources_stay_as_they_are(study_result, kind):
    result = study_result(kind=kind)
    before = copy.deepcopy(list(result.sources))
    derivation_headers(result)
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
def test_character_sets(given, kept, study_result):
    result = study_result()
    for source in result.sources:
        source.SpecificCharacterSet = given
    for header in derivation_headers(result):
        assert header.get("SpecificCharacterSet") == kept


def test_missing_values_of_patient_and_study_are_left_empty(study_result):
    result = study_result()
    for source in result.sources:
        del source.PatientBirthDate
        del source.AccessionNumber
    for header in derivation_headers(result):
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
def test_values_that_cannot_be_read_are_left_empty_and_not_logged(name, value, study_result, caplog):
    result = study_result()
    for source in result.sources:
        setattr(source, name, value)
    caplog.clear()
    headers = derivation_headers(result)
    assert all(header[name].value in ("", None) for header in headers)
    assert caplog.messages == [f"{name} of the reference series cannot be read and is left empty."]


def test_private_elements_and_pixels_stay_behind(study_result):
    result = study_result()
    for source in result.sources:
        source.private_block(0x0029, "PHANTOM", create=True).add_new(0x01, "LO", "secret")
        source.PixelData = b"\0\0"
    for header in derivation_headers(result):
        assert not any(tag.is_private or tag.group == 0x7FE0 for tag in header.keys())  # noqa: SIM118


def test_slices_get_one_orientation_and_the_true_distance(study_result):
    result = study_result("oblique")
    result.sources[2].ImageOrientationPatient[0] = float(result.sources[2].ImageOrientationPatient[0]) + 1e-5
    headers = derivation_headers(result)
    assert len({tuple(header.ImageOrientationPatient) for header in headers}) == 1
    assert all(float(header.SpacingBetweenSlices) == pytest.approx(3.25) for header in headers)
