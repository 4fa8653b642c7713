"""kgp console listen as users start it: a LiteRT model, studies of two contrasts, an archive."""

import json

import numpy as np
import pydicom
import pytest

from serving.listen.inbox import uid_name
from serving.listen.receiver import SUCCESS


@pytest.fixture
def study(image):
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
                        SeriesDescription=description,
                        FrameOfReferenceUID=f"{uid}.9",
                        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                        ImagePositionPatient=[-8, -8, 5 * index],
                        PixelSpacing=[1, 1],
                        SliceThickness=5,
                        PixelData=pixels.tobytes(),
                    )
                )
        return made

    return make


def test_a_study_becomes_dicom_in_the_archive_without_tensorflow(
    command, litert_files, study, send, archive, marker, tmp_path, wait_until
):
    there = archive()
    one = command("--model", litert_files("float32")[0], "--forward", f"ARCHIVE@127.0.0.1:{there.port}")
    assert send(one.port, *study("1.2.3"), *study("1.2.4")) == [SUCCESS] * 16
    assert send(one.port, *study("1.2.5")[:4]) == [SUCCESS] * 4  # T1 alone
    ledgers = [tmp_path / "console" / "ledger" / f"{uid_name(uid)}.json" for uid in ("1.2.3", "1.2.4", "1.2.5")]

    def last(path):
        return json.loads(path.read_text())["runs"][-1] if path.exists() else {"state": "", "sent": {}}

    wait_until(
        lambda: last(ledgers[0])["sent"] and last(ledgers[1])["sent"] and last(ledgers[2])["state"] == "failed", 60
    )
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
