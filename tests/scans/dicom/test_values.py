"""kgp.scans.dicom.values: numbers of headers, and sentences that say what stands in their place."""

import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.values import all_numbers, leave_out_unreadable, number, numbers, whole_number  # noqa: E402


def header(keyword, value, vr=None):
    """A header with one element as it stands in a file."""
    tag = pydicom.tag.Tag(keyword)
    vr = vr or pydicom.datadict.dictionary_VR(tag)
    dataset = pydicom.Dataset()
    dataset._dict[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(value), value, 0, False, True)
    return dataset


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize(
    ("value", "vr"),
    [
        (b" 1.5 \\ 0.75 ", "DS"),
        (b"1.50000000000000000000\\0.75000000000000000000", "DS"),
        (b"1.5\\0.75", "LO"),
        (b"1.5\\0.75", "UN"),
        (b"1.5\\0.75 ", "UT"),
        (b"1.5\\0.75\0", "OB"),
    ],
)
def test_numbers_that_can_be_read_with_certainty(value, vr):
    assert numbers(header("PixelSpacing", value, vr), "PixelSpacing", 2, "IM7").tolist() == [1.5, 0.75]


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            rb"0,9375\0,9375",
            r"IM7 has text for PixelSpacing where numbers are expected: '0,9375\\0,9375', with a decimal comma",
        ),
        (b"0.0058,0.0019", r"numbers are expected: '0.0058,0.0019', with a comma in it\.$"),
        (rb"1.5 mm\0.75 mm", r"numbers are expected: '1.5 mm\\0.75 mm'\.$"),
        (b"Secret^Phantom", r"IM7 has text for PixelSpacing where numbers are expected\.$"),
        (b"1.5", r"IM7 has the PixelSpacing \[1.5\] where 2 finite number"),
        (rb"nan\nan", r"IM7 has the PixelSpacing \[nan, nan\] where 2 finite number"),
        (b"", "IM7 has no PixelSpacing, so its place"),
    ],
)
def test_what_stands_in_place_of_numbers(value, message):
    with pytest.raises(KgpError, match=message):
        numbers(header("PixelSpacing", value), "PixelSpacing", 2, "IM7")


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_one_number():
    assert number(header("RescaleSlope", b"1.5 "), "RescaleSlope", "IM7") == 1.5
    assert number(header("RescaleSlope", b""), "RescaleSlope", "IM7", 1.0) == 1.0
    assert whole_number(header("SeriesNumber", b"5.0 "), "SeriesNumber", "IM7") == 5
    for function, keyword, value, message in (
        (number, "RescaleSlope", rb"1\1 ", r"IM7 has the RescaleSlope \[1, 1\] where one finite number is expected"),
        (number, "RescaleSlope", b"inf ", r"IM7 has the RescaleSlope \[inf\] where one finite number is expected"),
        (number, "RescaleSlope", b"", "IM7 has no RescaleSlope"),
        (whole_number, "SeriesNumber", b"5.5 ", "IM7 has the SeriesNumber 5.5 where a whole number is expected"),
    ):
        with pytest.raises(KgpError, match=message):
            function(header(keyword, value), keyword, "IM7")


def test_a_value_of_the_wrong_length_is_damage():
    with pytest.raises(pydicom.errors.BytesLengthException):
        all_numbers(header("Rows", b"abc"), "Rows", "IM7")


def test_values_that_cannot_be_read_are_left_out_but_for_those_in_sequences():
    dataset = header("Rows", b"abc")
    dataset.PatientID = "7"
    assert leave_out_unreadable(dataset) == {"Rows"} and list(dataset.keys()) == [0x00100020]
    dataset.SharedFunctionalGroupsSequence = [header("Columns", b"abc")]
    with pytest.raises(pydicom.errors.BytesLengthException):
        leave_out_unreadable(dataset)
