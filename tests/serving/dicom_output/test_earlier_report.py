"""serving.dicom_output.earlier_report: a later report names the one before it."""

import logging
import shutil
import zipfile

import pydicom
import pytest

from serving.dicom_output.earlier_report import find_earlier_report, read_earlier_report
from serving.dicom_output.writer import write_dicom

MODEL = {"name": "best-unet", "version": "0.1.0", "sha256": "ab" * 32}
STUDY = "1.2.840.99.1.1"


@pytest.fixture
def earlier(study_result, tmp_path):
    """A folder with the objects of an earlier result."""
    write_dicom(study_result(), tmp_path / "earlier", deterministic=True)
    return tmp_path / "earlier"


def test_a_later_report_names_its_predecessor(study_result, earlier, tmp_path):
    first = pydicom.dcmread(earlier / "report.dcm")
    found = read_earlier_report(earlier / "report.dcm")
    write_dicom(study_result(), tmp_path / "later", deterministic=True, predecessor=found)
    later = pydicom.dcmread(tmp_path / "later" / "report.dcm")
    (study,) = later.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (named,) = series.ReferencedSOPSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (first.StudyInstanceUID, first.SeriesInstanceUID)
    assert (named.ReferencedSOPClassUID, named.ReferencedSOPInstanceUID) == (first.SOPClassUID, first.SOPInstanceUID)
    assert "PredecessorDocumentsSequence" not in first
    assert later.SOPInstanceUID != first.SOPInstanceUID  # it holds something else, so it is something else


def test_the_newest_report_of_the_same_model_is_found(earlier, tmp_path):
    newest = pydicom.dcmread(earlier / "report.dcm")
    newest.ContentDate = "20991231"
    newest.SOPInstanceUID = newest.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    newest.save_as(earlier / "newest.dcm")
    (earlier / "damaged.dcm").write_bytes((earlier / "report.dcm").read_bytes()[:700])
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in earlier.iterdir():
            archive.write(path, path.name)
    for source in (earlier, tmp_path / "study.zip"):
        assert find_earlier_report([source], STUDY, MODEL).SOPInstanceUID == "1.2.3"
        assert find_earlier_report([source], STUDY, MODEL | {"name": "other"}) is None
        assert find_earlier_report([source], "1.2.9", MODEL) is None


def test_an_earlier_report_that_cannot_be_read_is_said_and_not_named(earlier, caplog):
    shutil.copy(earlier / "heatmap.dcm", earlier / "report.dcm")
    with caplog.at_level(logging.WARNING):
        assert read_earlier_report(earlier / "report.dcm") is None
    assert "report.dcm is no report that can be read, so the new report does not name it." in caplog.text
    assert read_earlier_report(earlier / "missing.dcm") is None
