"""kgp.scans.dicom.stored_values: the bits of a pixel, and padding before anything else."""

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.stored_values import stored_values  # noqa: E402

VALUES = np.array([[0, 5, 2047], [1, 7, 100]])


def image(container, **attributes):
    """An image of one frame whose 16-bit container holds these numbers, or of several."""
    container = np.asarray(container).astype(np.int64) & 0xFFFF
    made = pydicom.Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    values = {
        "Rows": container.shape[-2], "Columns": container.shape[-1], "SamplesPerPixel": 1, "BitsAllocated": 16,
        "PhotometricInterpretation": "MONOCHROME2", "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
        "PixelData": container.astype(np.uint16).tobytes(),
    } | attributes  # fmt: skip
    for name, value in values.items():
        if value is not None:
            made.add_new(name, "US" if name.startswith("PixelPadding") else pydicom.datadict.dictionary_VR(name), value)
    made["PixelData"].VR = "OW"
    return made


def read(container, **attributes):
    """Stored values and padding of one frame whose 16-bit container holds these numbers."""
    values, padded = stored_values(image(container, **attributes), 1, "IM7")
    return values[0].tolist(), padded[0].tolist()


def test_bits_above_the_pixel_are_no_part_of_it():
    assert read(VALUES | 0xA000)[0] == VALUES.tolist()


@pytest.mark.parametrize("high", [11, 13, 15])
def test_pixels_in_upper_bits_are_shifted(high):
    assert read(VALUES << (high - 11), HighBit=high)[0] == VALUES.tolist()
    signed = VALUES - 1000  # twelve bits and no more, so that the sign is carried on
    assert read((signed & 0xFFF) << (high - 11), HighBit=high, PixelRepresentation=1)[0] == signed.tolist()


def test_an_overlay_below_the_pixels():
    made = image(VALUES << 4 | 1, HighBit=15)
    made.add_new(0x60000102, "US", 0)  # OverlayBitPosition
    assert stored_values(made, 1, "IM7")[0][0].tolist() == VALUES.tolist()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"HighBit": 15},
            r"IM7 says that its pixels end at bit 4 \(HighBit and BitsStored\), and something stands below",
        ),
        ({"HighBit": 9}, "IM7 says BitsAllocated 16, BitsStored 12 and HighBit 9, which cannot all be true"),
        ({"BitsStored": 20}, "IM7 says BitsAllocated 16, BitsStored 20 and HighBit 11, which cannot all be true"),
        ({"BitsStored": None}, "IM7 has no BitsStored"),
    ],
)
def test_bits_that_are_not_known(attributes, message):
    with pytest.raises(KgpError, match=message):
        read(VALUES, **attributes)


def test_compressed_pixels_are_not_shifted():
    made = image(VALUES, HighBit=15)
    made.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    with pytest.raises(KgpError, match=r"compressed pixels whose HighBit is 15 and not BitsStored - 1, which is 11"):
        stored_values(made, 1, "IM7")


@pytest.mark.parametrize(
    ("container", "attributes", "expected"),
    [
        ([[5, 63536]], {"PixelPaddingValue": 63536, "BitsStored": 16, "HighBit": 15}, [[False, True]]),
        # As unsigned in the header, while the pixels are signed.
        ([[5, -2000]], {"PixelPaddingValue": 63536, "PixelRepresentation": 1}, [[False, True]]),
        # Outside of the stored bits: compared with the container, in which no other value is as large.
        ([[0x830, 63536]], {"PixelPaddingValue": 63536}, [[False, True]]),
        ([[0, 1, 9, 10, 11]], {"PixelPaddingValue": 10, "PixelPaddingRangeLimit": 1}, [[False, True, True, True, False]]),
        ([[80, 160]], {"PixelPaddingValue": 5, "HighBit": 15}, [[True, False]]),
        ([[0, 1]], {}, [[False, False]]),
    ],
)  # fmt: skip
def test_padding(container, attributes, expected):
    assert read(container, **attributes)[1] == expected


def test_padding_of_single_frames():
    own = pydicom.Dataset()
    own.UnassignedPerFrameConvertedAttributesSequence = [pydicom.Dataset()]
    own.UnassignedPerFrameConvertedAttributesSequence[0].add_new("PixelPaddingValue", "US", 5)
    groups = {"PerFrameFunctionalGroupsSequence": [own, pydicom.Dataset()], "NumberOfFrames": 2}
    _, padded = stored_values(image(np.stack([VALUES, VALUES]), **groups, PixelPaddingValue=7), 2, "IM7")
    assert padded.tolist() == [(value == VALUES).tolist() for value in (5, 7)]


def test_padding_that_is_no_number():
    made = image(VALUES)
    made.add_new("PixelPaddingValue", "UL", 70000)
    with pytest.raises(KgpError, match="IM7 has the PixelPaddingValue 70000 where 16 bits are expected"):
        stored_values(made, 1, "IM7")
