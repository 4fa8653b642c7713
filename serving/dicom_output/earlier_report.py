"""Reports that kgp made of a study before, which a new report names as what it follows."""

import logging
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pydicom
from pydicom.uid import Comprehensive3DSRStorage

from kgp.errors import KgpError
from kgp.scans.dicom.damage import DAMAGE
from kgp.scans.dicom.files import StudyFile, open_study
from kgp.scans.dicom.privacy import quiet_libraries
from serving.dicom_output.identity import MANUFACTURER, plain

_log = logging.getLogger(__name__)
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_READ = [*_NEEDED, "Manufacturer", "ManufacturerModelName", "ContentDate", "ContentTime"]
_START = 1024  # bytes that hold the file meta information, which names the kind of object
_UNREADABLE = (KgpError, OSError, zipfile.BadZipFile, *DAMAGE)


def read_earlier_report(path: Path) -> pydicom.Dataset | None:
    """Reads what a new report says of an earlier one; where it cannot be read, None and a warning.

    Args:
        path: the report.dcm of an earlier result.
    """
    with quiet_libraries():
        found = _report_in(StudyFile(str(path), path))
    if found is None:
        _log.warning("%s is no report that can be read, so the new report does not name it.", path)
    return found


def find_earlier_report(sources: Sequence[Path], study_uid: str, model: Mapping[str, str]) -> pydicom.Dataset | None:
    """The newest report by kgp with the same model that lies among the files of a study, or None.

    Args:
        sources: folders, zip archives and files of the study.
        study_uid: its StudyInstanceUID.
        model: name, version and SHA-256 of the model; one of the same name made the report.
    """
    with quiet_libraries(), open_study(sources) as files:
        reports = [report for report in map(_report_in, files) if report is not None]
    own = [
        report
        for report in reports
        if report.StudyInstanceUID == study_uid
        and (report.get("Manufacturer"), report.get("ManufacturerModelName")) == (MANUFACTURER, plain(model["name"]))
    ]
    return max(own, key=lambda report: (str(report.get("ContentDate")), str(report.get("ContentTime"))), default=None)


def _report_in(file: StudyFile) -> pydicom.Dataset | None:
    """The header of a report; None for any other file, and for a damaged one."""
    try:
        if Comprehensive3DSRStorage.encode() not in _first_bytes(file):
            return None
        with file.open() as stream:
            header = pydicom.dcmread(stream, specific_tags=_READ)
        whole = all(isinstance(header.get(name), str) and header.get(name) for name in _NEEDED)
        return header if whole and header.SOPClassUID == Comprehensive3DSRStorage else None
    except _UNREADABLE:
        return None


def _first_bytes(file: StudyFile) -> bytes:
    """The beginning of a file, without unpacking all of it."""
    if file.archive is None or file.member is None:
        with file.path.open("rb") as stream:
            return stream.read(_START)
    with file.archive.open(file.member) as member:
        return member.read(_START)
