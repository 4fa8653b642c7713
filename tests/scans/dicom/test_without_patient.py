"""kgp.scans.dicom.without_patient: descriptions without what tells who the patient is."""

import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.scans.dicom.without_patient import patient_values, without_patient  # noqa: E402


@pytest.fixture(scope="module")
def values():
    dataset = pydicom.Dataset()
    dataset.PatientName = "Müller-Lüdenscheidt^Erika"
    dataset.PatientID = "PAT-4711"
    dataset.OtherPatientIDs = ["OTHER9"]
    dataset.PatientBirthDate = "19500201"
    dataset.AccessionNumber = "ACC98765"
    return patient_values(dataset)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t1 MUELLER-LUEDENSCHEIDT 01.02.1950 ACC98765 PAT4711", "t1 ...-... ... ... ..."),
        ("t1 Muller, erika", "t1 ..., ..."),
        ("t1_müller_tra", "t1_..._tra"),
        ("t2 acc-98765 other9", "t2 ... ..."),
        ("1950-02-01 t2 1.2.1950", "... t2 ..."),
        ("t1 010250", "t1 ..."),
        ("02/01/50 t1", "... t1"),
        ("t1_mprage_sag_p2_iso", "t1_mprage_sag_p2_iso"),
        ("t1\x00\n" + 80 * "x", "t1??" + 60 * "x"),
    ],
)
def test_texts(values, text, expected):
    assert without_patient(text, values) == expected


def test_values_that_are_too_short_to_tell_anybody():
    dataset = pydicom.Dataset()
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Li^T", "1", ""
    assert without_patient("t1 tra li 1", patient_values(dataset)) == "t1 tra li 1"
    assert patient_values(pydicom.Dataset()) == ()
