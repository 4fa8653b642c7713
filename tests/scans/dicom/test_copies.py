"""kgp.scans.dicom.copies: one image in several files."""

import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.scans.dicom.copies import without_copies  # noqa: E402
from kgp.scans.dicom.files import StudyFile  # noqa: E402
from kgp.scans.dicom.header import read_header  # noqa: E402


def test_what_is_a_copy(phantom_study, tmp_path):
    image = phantom_study(contrasts=("T1",)).slice("T1", 0)

    def write(name, implicit_vr=False):
        image.save_as(tmp_path / name, implicit_vr=implicit_vr, little_endian=True, enforce_file_format=True)
        return read_header(StudyFile(name, tmp_path / name))

    headers = [write("first"), write("equal")]
    image.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    headers.append(write("as another syntax", True))
    image.EchoTime = "91"
    headers.append(write("with another echo time", True))
    image.SOPInstanceUID = "1.9"
    headers.append(write("another image", True))
    kept = [header.file.name for header in without_copies(headers)]
    assert kept == ["first", "with another echo time", "another image"]
