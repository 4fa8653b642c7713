"""kgp.scans.dicom.pixels: intensities of every compression, and pixels that are not what they say."""

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.files import StudyFile  # noqa: E402
from kgp.scans.dicom.header import read_header  # noqa: E402
from kgp.scans.dicom.pixels import read_pixels  # noqa: E402


@pytest.fixture
def read(tmp_path):
    """Writes a data set as IM7 and reads its pixels: intensities and header."""

    def read_again(dataset):
        dataset.save_as(tmp_path / "IM7", implicit_vr=False, little_endian=True, enforce_file_format=True)
        return read_pixels(read_header(StudyFile("IM7", tmp_path / "IM7")))[:2]

    return read_again


def test_intensities_and_the_header_without_pixels(phantom_study, read):
    made = phantom_study()
    intensities, header = read(made.slice("T1", 2))
    assert intensities.dtype == np.float32 and "PixelData" not in header and header.PatientID == "PHANTOM-7"
    np.testing.assert_array_equal(intensities, made.pixels["T1"][2:3])


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_zeros_behind_the_pixels(phantom_study, read):
    made = phantom_study()
    image = made.slice("T1", 2)
    image.PixelData += bytes(128)
    np.testing.assert_array_equal(read(image)[0], made.pixels["T1"][2:3])


def test_slope_and_intercept(phantom_study, read):
    made = phantom_study()
    intensities, _ = read(made.slice("T1", 2, RescaleSlope="0.5", RescaleIntercept="7"))
    np.testing.assert_array_equal(intensities[0], made.pixels["T1"][2] * 0.5 + 7)


def test_slope_and_intercept_of_each_frame(phantom_study, read):
    made = phantom_study()
    dataset = made.enhanced("T1")
    own = pydicom.Dataset()
    own.RescaleSlope, own.RescaleIntercept, own.RescaleType = "3", "1", "US"
    dataset.PerFrameFunctionalGroupsSequence[4].PixelValueTransformationSequence = [own]
    intensities, _ = read(dataset)
    expected = 2 * made.pixels["T1"][made.frame_order("T1")].astype(np.float32) - 5
    expected[4] = 3 * made.pixels["T1"][made.frame_order("T1")[4]] + 1
    np.testing.assert_array_equal(intensities, expected)


@pytest.mark.parametrize("syntax", ["JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless"])
def test_compressed_pixels(phantom_study, read, syntax):
    made = phantom_study()
    uid = getattr(pydicom.uid, syntax)
    dataset = made.slice("T1", 2)
    try:
        compress(dataset, uid)
    except (RuntimeError, ImportError) as error:
        pytest.skip(f"no encoder: {error}")
    if not pydicom.pixels.get_decoder(uid).is_available:
        pytest.skip("no decoder; the extra console brings one")
    np.testing.assert_array_equal(read(dataset)[0], made.pixels["T1"][2:3])


@pytest.mark.parametrize(
    ("syntax", "message"),
    [
        (pydicom.uid.MPEG2MPML, r"IM7 is compressed as MPEG2 .*, for which there is no decoder here"),
        (pydicom.uid.RLELossless, r"IM7: the pixels or a header cannot be read"),
        (pydicom.uid.UID("1.2.3.4"), r"IM7 is stored in the transfer syntax 1.2.3.4, which is not known"),
    ],
)
def test_pixels_that_are_not_what_they_say(phantom_study, read, syntax, message):
    dataset = phantom_study().slice("T1", 2)
    encapsulate(dataset, bytes(100), syntax)
    with pytest.raises(KgpError, match=message):
        read(dataset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PixelData": bytes(100)}, "IM7 holds 100 bytes of pixels where 560 are expected"),
        ({"PixelData": bytes(600) + b"\1"}, "IM7 holds 602 bytes of pixels where 560 are expected"),
        ({"PixelData": None}, "IM7 is an image without pixels; it may be cut short"),
        (
            {"PhotometricInterpretation": "MONOCHROME1"},
            "IM7 holds pixels of the kind 1 MONOCHROME1 16, not grey values",
        ),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "IM7 holds pixels of the kind 1 MONOCHROME2 32, not"),
        ({"RescaleSlope": "0"}, "IM7 rescales its values with slope 0 and intercept 0"),
        ({"RescaleSlope": "1e300"}, "IM7 rescales its values with slope 1e.300|IM7 holds values that are not finite"),
    ],
)
def test_pixels_that_are_refused(phantom_study, read, changes, message):
    with pytest.raises(KgpError, match=message):
        read(phantom_study().slice("T1", 2, **changes))


def compress(dataset, uid):
    """In place, by an encoder of pydicom or, for lossless JPEG, by our own."""
    if uid != pydicom.uid.JPEGLosslessSV1:
        dataset.compress(uid, generate_instance_uid=False)
        return
    encapsulate(dataset, lossless_jpeg(dataset.pixel_array), uid)


def encapsulate(dataset, stream, syntax):
    """Puts a compressed stream in place of the pixels."""
    dataset.PixelData = pydicom.encaps.encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax


def lossless_jpeg(pixels):
    """Lossless JPEG (process 14, first-order prediction) of 12-bit pixels.

    Every category has a code of 5 bits.
    """
    rows, columns = pixels.shape
    values = pixels.astype(int)
    bits = ""
    for row in range(rows):
        for column in range(columns):
            before = values[row, column - 1] if column else (values[row - 1, 0] if row else 1 << 11)
            difference = values[row, column] - before
            size = int(abs(difference)).bit_length()
            bits += f"{size:05b}"
            if size:
                bits += f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}"
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    frame = bytes([0xFF, 0xC3, 0, 11, 12, rows >> 8, rows & 255, columns >> 8, columns & 255, 1, 1, 0x11, 0])
    table = bytes([0xFF, 0xC4, 0, 19 + 13, 0, 0, 0, 0, 0, 13, *[0] * 11, *range(13)])
    return b"\xff\xd8" + frame + table + bytes([0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0]) + scan + b"\xff\xd9"
