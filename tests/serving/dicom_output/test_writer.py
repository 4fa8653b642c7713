"""serving.dicom_output.writer: what is written as a whole, and what is left when it fails."""

import logging
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from kgp.errors import KgpError
from kgp.scans.dicom.slice_stack import SliceStack
from serving.dicom_output.identity import make_uids
from serving.dicom_output.writer import write_dicom

VALIDATOR = shutil.which("dciodvfy", path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
NAMES = ["segmentation.dcm", "segmentation_fractional.dcm", "heatmap.dcm", "report.dcm"]


def uids(folder):
    """Every UID of every file but those of the sources."""
    found = {}
    for path in sorted(folder.iterdir()):
        made = pydicom.dcmread(path)
        found[path.name] = [str(one.value) for one in made.iterall() if one.VR == "UI"]
    return found


def test_files_and_series(study_result, kind, tmp_path):
    files = write_dicom(study_result(kind=kind), tmp_path / "out", fractional=True)
    assert [path.name for path in files[:4]] == NAMES and len(files) == 10
    assert sorted(files) == sorted((tmp_path / "out").iterdir())
    made = [pydicom.dcmread(path) for path in files]
    assert {one.StudyInstanceUID for one in made} == {"1.2.840.99.1.1"}
    assert len({one.SeriesInstanceUID for one in made}) == 4 and len({one.SOPInstanceUID for one in made}) == 10
    for one in made:
        assert "Research use only" in one.SeriesDescription
        assert (one.PatientID, str(one.PatientName), one.StudyDescription) == ("PHANTOM-7", "Müller^Anna", "MR head")
        assert (one.Manufacturer, one.ManufacturerModelName, one.DeviceSerialNumber) == ("kgp", "best-unet", "ab" * 32)


def test_uids_are_new_or_follow_from_the_work(study_result, tmp_path):
    result = study_result()
    for name, deterministic in (("a", True), ("b", True), ("c", False), ("d", False)):
        write_dicom(result, tmp_path / name, fractional=True, deterministic=deterministic)
    other = study_result(model={**result.model, "sha256": "cd" * 32})
    write_dicom(other, tmp_path / "e", fractional=True, deterministic=True)
    own = {name: uids(tmp_path / name) for name in "abcde"}
    assert own["a"] == own["b"]
    for name in "cde":
        for file in own["a"]:
            assert own["a"][file] != own[name][file]
    identities = [{pydicom.dcmread(path).SOPInstanceUID for path in (tmp_path / name).iterdir()} for name in "acde"]
    assert len(set.union(*identities)) == 4 * 10


def test_uids_follow_from_the_other_contrasts_too(study_result):
    results = [study_result(instances=instances) for instances in ((), ("1.2.3",), ("1.2.4",))]
    assert len({make_uids(result, deterministic=True).make("report") for result in results}) == 3


def test_a_single_slice(study_result, tmp_path):
    result = study_result()
    one = study_result(
        sources=result.sources[3:4], frames=[None], geometry=SliceStack(result.geometry.places[3:4]),
        mask=result.mask[3:4], heatmap=result.heatmap[3:4],
        probabilities=result.probabilities[3:4], predicted=result.predicted[3:4], points=result.points[3:4],
        overlays=result.overlays[3:4],
    )  # fmt: skip
    write_dicom(one, tmp_path / "out", fractional=True)
    for name in NAMES[:2]:
        made = pydicom.dcmread(tmp_path / "out" / name)
        assert made.NumberOfFrames == 1
        # As in the volume that the report gives.
        assert made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices == 3
        assert made.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient == list(
            one.sources[0].ImagePositionPatient
        )
    np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "out" / NAMES[0]).pixel_array, one.mask[0])


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_the_log_says_nothing_of_the_patient(study_result, tmp_path, caplog, recwarn):
    result = study_result()
    for source in result.sources:
        source.PatientName = "SECRETNAME"  # highdicom warns of names without a caret, and quotes them
        source.PatientID = "SECRETID" + 70 * "x"
        source.PatientSex = "SECRETSEX"
        source.StudyID = "SECRETSTUDY" + 20 * "x"
    caplog.clear()
    recwarn.clear()
    with caplog.at_level(logging.DEBUG):
        write_dicom(result, tmp_path / "out")
    assert "SECRET" not in caplog.text and "1.2.840.99" not in caplog.text
    assert not [one for one in recwarn if "SECRET" in str(one.message)]
    assert logging.getLogger("highdicom").level == logging.NOTSET
    made = pydicom.dcmread(tmp_path / "out" / "report.dcm")
    assert made.PatientName == "SECRETNAME" and made.PatientSex == ""


def test_headers_that_cannot_be_carried_over(study_result, tmp_path, caplog):
    result = study_result()
    for source in result.sources:
        source.PatientName = ["SECRET^A", "SECRET^B"]
    with pytest.raises(KgpError, match="cannot be carried over into DICOM objects") as caught:
        write_dicom(result, tmp_path / "out")
    assert "SECRET" not in str(caught.value) and "SECRET" not in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_frame_without_position_that_was_not_read(study_result, tmp_path):
    result = study_result(kind="enhanced")
    other = next(number for number in range(1, 13) if number not in result.frames)
    del result.sources[0].PerFrameFunctionalGroupsSequence[other - 1].PlanePositionSequence
    with pytest.raises(KgpError, match="cannot be carried over into DICOM objects"):
        write_dicom(result, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_result_is_kept(study_result, tmp_path):
    write_dicom(study_result(), tmp_path / "out", deterministic=True)
    before = uids(tmp_path / "out")
    with pytest.raises(KgpError, match="exists already"):
        write_dicom(study_result(), tmp_path / "out")
    assert uids(tmp_path / "out") == before


def test_a_disk_that_takes_no_more_leaves_nothing(study_result, tmp_path):
    result = study_result()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))  # no file may become larger than 8 KiB
    try:
        with pytest.raises(KgpError, match=r"The DICOM objects cannot be written into .*/out: File too large\.$"):
            write_dicom(result, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(VALIDATOR is None, reason="dciodvfy of dicom3tools is not installed")
def test_every_object_is_valid(study_result, kind, tumour_free_result, tmp_path):
    files = write_dicom(study_result("oblique", kind), tmp_path / "tumour", fractional=True)
    files += write_dicom(tumour_free_result, tmp_path / "none", fractional=True, empty_segmentation=True)[:4]
    files += write_dicom(study_result(mask=np.zeros((6, 20, 14), bool)), tmp_path / "no_region")[:2]
    for path in files:
        done = subprocess.run([VALIDATOR, str(path)], capture_output=True, text=True, timeout=60, check=False)
        assert "Error" not in done.stdout + done.stderr, path.name
