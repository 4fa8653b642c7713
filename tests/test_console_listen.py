"""kgp console listen as its users start it: a LiteRT model, a study of two contrasts, an archive that takes the results."""

import json

import numpy as np
import pydicom
import pytest

from kgp import console
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


def test_a_study_becomes_dicom_in_the_archive(
    command, litert_files, study, send, archive, marker, tmp_path, eventually
):
    there = archive()
    one = command("--model", litert_files("float32")[0], "--forward", f"ARCHIVE@127.0.0.1:{there.port}")
    assert send(one.port, *study("1.2.3"), *study("1.2.4")) == [SUCCESS] * 16
    assert send(one.port, *study("1.2.5")[:4]) == [SUCCESS] * 4  # T1 alone
    ledgers = [tmp_path / "console" / "ledger" / f"{uid_name(uid)}.json" for uid in ("1.2.3", "1.2.4", "1.2.5")]

    def last(path):
        return json.loads(path.read_text())["runs"][-1] if path.exists() else {"state": "", "sent": {}}

    eventually(
        lambda: last(ledgers[0])["sent"] and last(ledgers[1])["sent"] and last(ledgers[2])["state"] == "failed", 60
    )
    files = sorted((tmp_path / "console" / "results").glob("*/1/dicom/*.dcm"))
    eventually(lambda: len(there.received) == len(files))
    assert sorted(there.received) == sorted(pydicom.dcmread(path).SOPInstanceUID for path in files)
    assert {pydicom.dcmread(path).StudyInstanceUID for path in files} == {"1.2.3", "1.2.4"}
    assert {str(pydicom.dcmread(path).PatientName) for path in files} == {f"{marker}^Anna"}
    assert "FLAIR" in last(ledgers[2])["reason"]
    assert one.end() == 0
    assert one.lines[-1] == "stopped" and marker not in "\n".join(one.lines)


def test_it_needs_no_tensorflow(command, litert_files, study, send, tmp_path, eventually):
    one = command("--model", litert_files("float32")[0])
    send(one.port, *study("1.2.3"))
    eventually(lambda: list((tmp_path / "console").glob("results/*/1/dicom/report.dcm")), 60)
    with open(f"/proc/{one.process.pid}/maps") as stream:
        loaded = stream.read()
    assert "ai_edge_litert" in loaded and "/tensorflow/" not in loaded


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--aet", "SEVENTEEN-LETTERS"], "--aet: 'SEVENTEEN-LETTERS' is no AE title"),
        (["--allow", "MR1", "A\\B"], "--allow: 'A\\\\B' is no AE title"),
        (["--forward", "ARCHIVE"], "--forward expects AET@host:port"),
        (["--port", "70000"], "--port takes 0 to 65535; 70000 came"),
        (["--quiet", "-1"], "--quiet must be 0 or more"),
        (["--quiet", "nan"], "--quiet must be 0 or more"),
        (["--object-mb", "0"], "--object-mb 1 or more"),
    ],
)
def test_bad_usage(words, message, tmp_path, capsys):
    assert console.main(["listen", "--model", "model.tflite", "--out", str(tmp_path / "console"), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "console").exists()


def test_a_model_that_is_missing_is_told_before_anything_is_made(tmp_path, capsys):
    words = ["--model", str(tmp_path / "model.tflite"), "--out", str(tmp_path / "console"), "--port", "0"]
    assert console.main(["listen", *words]) == 1
    assert "model.tflite" in capsys.readouterr().err
    assert not (tmp_path / "console").exists()
