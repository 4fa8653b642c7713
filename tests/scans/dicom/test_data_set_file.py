"""kgp.scans.dicom.data_set_file: files with and without preamble, mark and meta information."""

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.data_set_file import cut_in_preamble, data_start, transfer_syntax  # noqa: E402
from kgp.scans.dicom.series import read_dicom_series  # noqa: E402

EXPLICIT, IMPLICIT, BIG = (
    pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.ImplicitVRLittleEndian, pydicom.uid.ExplicitVRBigEndian,
)  # fmt: skip


@pytest.mark.parametrize(
    ("head", "start"),
    [
        (bytes(128) + b"DICM\2\0", 132),
        (b"II*\0" + bytes(124) + b"DICM", 132),
        (b"\2\0\0\0UL\4\0\xba\0\0\0", 0),
        (b"\x08\0\5\0CS\x0a\0ISO_IR 100", 0),
        (b"\x08\0\0\0\4\0\0\0\xba\0\0\0", 0),
        (b"\x08\0\x16\0\x1a\0\0\0" + b"1.2.840.10008.5.1.4.1.1.4", 0),
        (bytes(132), None),
        (b"", None),
        (b"\x08\0\x09\0\4\0\0\0abcd", None),  # no such element
        (b"\x08\0\x16\0\xff\xff\xff\0abcd", None),  # far too long
        (b"\x7fELF\2\1\1\0\0\0\0\0", None),
        (b"MZ\x90\0\3\0\0\0\4\0", None),
    ],
)
def test_where_a_file_begins(head, start):
    assert data_start(head[:132]) == start


@pytest.mark.parametrize(
    ("content", "cut"),
    [(bytes(1), True), (bytes(128) + b"DIC", True), (b"", False), (bytes(132), False), (b"text", False)],
)
def test_a_file_that_ends_in_the_preamble(content, cut):
    assert cut_in_preamble(content) == cut


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("meta", [False, True])
def test_data_sets_without_preamble_and_mark(phantom_study, tmp_path, syntax, meta):
    made = phantom_study(contrasts=("T1",))
    for index in range(6):
        image = made.slice("T1", index)
        del image.file_meta
        implicit = syntax == IMPLICIT
        image.save_as(tmp_path / f"{index}", implicit_vr=implicit, little_endian=True)
        if meta:
            image.file_meta = pydicom.dataset.FileMetaDataset()
            image.file_meta.MediaStorageSOPClassUID, image.file_meta.TransferSyntaxUID = image.SOPClassUID, syntax
            image.save_as(tmp_path / f"{index}", implicit_vr=implicit, little_endian=True)
    values = read_dicom_series(tmp_path, "T1").data[..., 0]
    np.testing.assert_array_equal(values, made.pixels["T1"].transpose(2, 1, 0))


@pytest.mark.parametrize("encoding", [(True, True, IMPLICIT), (False, True, EXPLICIT), (False, False, BIG)])
def test_a_syntax_that_is_not_stated(phantom_study, encoding):
    image = phantom_study(contrasts=("T1",)).slice("T1", 0)
    del image.file_meta.TransferSyntaxUID
    image.set_original_encoding(*encoding[:2], "iso8859")
    assert transfer_syntax(image, "IM7") == encoding[2]
    image["PixelData"].is_undefined_length = True
    with pytest.raises(KgpError, match=r"IM7 holds compressed pixels and does not say how \(TransferSyntaxUID\)"):
        transfer_syntax(image, "IM7")
