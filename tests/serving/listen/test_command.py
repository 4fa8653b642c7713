"""kgp console listen as users start it: a LiteRT model, studies of two contrasts, an archive."""

import json

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from serving.listen.inbox import uid_name
from serving.listen.receiver import SUCCESS

TEXT = ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT")
# Those that tell what an image is, of whom, and which contrast.
KEPT = (
    "Patient",
    "SpecificCharacterSet",
    "ImageType",
    "Modality",
    "Photometric",
    "BodyPart",
    "AcquisitionContrast",
    "Contrast",
    "ScanningSeq",
)


def write_text(image, keyword, text):
    """Puts a text into an attribute whether it may hold one or not."""
    vr = pydicom.datadict.dictionary_VR(keyword)
    image[keyword] = RawDataElement(Tag(keyword), vr, len(text), text.encode(), 0, False, True)
    return image


def fill_with_text(image, text):
    """Puts a text into every attribute for texts that a header can have, as far as it stays an
    image.
    """
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if vr in TEXT and 0x0008 <= tag >> 16 <= 0x0040 and keyword not in image and not keyword.startswith(KEPT):
            write_text(image, keyword, text)


@pytest.fixture
def study(image, marker):
    """Makes the images of a study: T1 and FLAIR, four slices each of 16 x 16 pixels."""

    def make(uid):
        made = []
        for series, description in enumerate(("T1 axial", "FLAIR axial"), 1):
            for index in range(4):
                pixels = np.random.default_rng([series, index]).integers(80, 240, (16, 16)).astype(np.uint16)
                made.append(
                    image(
                        uid,
                        10 * series + index,
                        size=16,
                        SeriesInstanceUID=f"{uid}.{series}",
                        SeriesDescription=f"{description} {marker}'s",
                        FrameOfReferenceUID=f"{uid}.9",
                        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                        ImagePositionPatient=[-8, -8, 5 * index],
                        PixelSpacing=[1, 1],
                        SliceThickness=5,
                        PixelData=pixels.tobytes(),
                    )
                )
            fill_with_text(made[-1], marker)
        return made

    return make


def test_a_study_becomes_dicom_in_the_archive_without_tensorflow(
    command, litert_files, study, send, archive, marker, tmp_path, wait_until
):
    there = archive()
    one = command("--model", litert_files("float32")[0], "--forward", f"ARCHIVE@127.0.0.1:{there.port}")
    assert send(one.port, *study("1.2.3"), *study("1.2.4")) == [SUCCESS] * 16
    assert send(one.port, *study("1.2.5")[:4]) == [SUCCESS] * 4  # T1 alone
    damaged = [
        write_text(study(f"1.2.{6 + number}")[0], keyword, f"{marker} ")
        for number, keyword in enumerate(("PixelSpacing", "PhotometricInterpretation", "PatientSex", "Modality"))
    ]
    assert send(one.port, *damaged) == [SUCCESS] * 4
    uids = ("1.2.3", "1.2.4", *(f"1.2.{number}" for number in range(5, 10)))
    ledgers = [tmp_path / "console" / "ledger" / f"{uid_name(uid)}.json" for uid in uids]

    def last(path):
        return json.loads(path.read_text())["runs"][-1] if path.exists() else {"state": "", "sent": {}}

    wait_until(lambda: last(ledgers[0])["sent"] and last(ledgers[1])["sent"], 60)
    wait_until(lambda: all(last(ledger)["state"] == "failed" for ledger in ledgers[2:]))
    files = sorted((tmp_path / "console" / "results").glob("*/1/dicom/*.dcm"))
    wait_until(lambda: len(there.received) == len(files))
    assert sorted(there.received) == sorted(pydicom.dcmread(path).SOPInstanceUID for path in files)
    assert {pydicom.dcmread(path).StudyInstanceUID for path in files} == {"1.2.3", "1.2.4"}
    assert {str(pydicom.dcmread(path).PatientName) for path in files} == {f"{marker}^Anna"}
    assert "FLAIR" in last(ledgers[2])["reason"]
    with open(f"/proc/{one.process.pid}/maps") as stream:
        loaded = stream.read()
    assert "ai_edge_litert" in loaded and "/tensorflow/" not in loaded
    assert one.end() == 0
    assert one.lines[-1] == "stopped" and marker not in "\n".join(one.lines)
    assert not any(marker in path.read_text() for path in ledgers)
