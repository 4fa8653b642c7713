"""kgp.scans.dicom.object_kinds: which SOP classes are images."""

import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.scans.dicom.object_kinds import DIRECTORY, is_image, is_surely_no_image, kind_in_words  # noqa: E402

PRIVATE, UNKNOWN = "1.3.12.2.1107.5.9.1", "1.2.840.10008.5.1.4.1.1.999"


@pytest.mark.parametrize(
    ("kind", "image", "surely_none"),
    [
        (pydicom.uid.MRImageStorage, True, False),
        (pydicom.uid.SecondaryCaptureImageStorage, True, False),
        (pydicom.uid.MRSpectroscopyStorage, False, True),
        (pydicom.uid.RawDataStorage, False, True),
        (pydicom.uid.ParametricMapStorage, False, True),
        (DIRECTORY, False, True),
        (PRIVATE, True, False),
        (UNKNOWN, True, False),
        ("", True, False),
    ],
)
def test_images_with_pixels(kind, image, surely_none):
    assert is_image(kind, True) == image and is_surely_no_image(kind) == surely_none
    assert not is_image(PRIVATE, False)


def test_words():
    assert kind_in_words(pydicom.uid.RawDataStorage) == "Raw Data Storage"
    assert kind_in_words(PRIVATE) == "unknown object"
