"""Results as DICOM objects: segmentation, parametric map, report and captures.

Each stands in a new series of the same study, keeps the frame of reference, refers to the source
instances and frames, and says "research use only" where a viewer shows it.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pydicom

from kgp.errors import KgpError
from kgp.files import atomic_folder
from kgp.scans.dicom.privacy import quiet_libraries
from serving.dicom_output.capture import captures
from serving.dicom_output.headers import derivation_headers
from serving.dicom_output.identity import Uids, make_uids
from serving.dicom_output.parametric_map import parametric_map
from serving.dicom_output.report import report
from serving.dicom_output.segmentation import segmentation
from serving.dicom_output.study_result import StudyResult


def write_dicom(
    result: StudyResult,
    folder: Path,
    *,
    fractional: bool = False,
    empty_segmentation: bool = False,
    deterministic: bool = False,
    predecessor: pydicom.Dataset | None = None,
) -> list[Path]:
    """Writes the results of one study as DICOM files into a new folder, all of them or none.

    The files are segmentation.dcm (where the mask is not empty), segmentation_fractional.dcm (on
    request), heatmap.dcm (the Parametric Map), report.dcm and a capture_NNN.dcm for each slice.

    Args:
        result: what inference found.
        folder: the folder to appear; it must not exist.
        fractional: write the map as a fractional segmentation too; see
            `serving.dicom_output.segmentation.segmentation`.
        empty_segmentation: write segmentations of an empty mask too, with every slice as an empty
            frame.
        deterministic: UIDs that follow from those of the images, model, reading and version of kgp,
            so that the same work done twice has the same; dates and times are still those of
            writing.
        predecessor: an earlier report of the study, which the report names and takes the place of.

    Returns:
        The files, segmentations first.

    Raises:
        KgpError: the headers of the sources cannot be carried over, `folder` exists, or a file
            cannot be written.
    """
    names = []
    with quiet_libraries():
        uids = make_uids(result, deterministic=deterministic)
        with atomic_folder(folder) as temporary, _one_sentence(folder):
            for name, made in _objects(result, uids, fractional, empty_segmentation, predecessor):
                made.save_as(temporary / name, enforce_file_format=True)
                names.append(name)
    return [folder / name for name in names]


def _objects(
    result: StudyResult,
    uids: Uids,
    fractional: bool,
    empty_segmentation: bool,
    predecessor: pydicom.Dataset | None,
) -> Iterator[tuple[str, pydicom.Dataset]]:
    """File names and objects, made one after the other.

    Only the segmentation, which the report refers to, stays in memory.
    """
    headers = derivation_headers(result)
    mask = None
    if result.mask.any() or empty_segmentation:
        mask = segmentation(result, headers, uids)
        yield "segmentation.dcm", mask
        if fractional:
            yield "segmentation_fractional.dcm", segmentation(result, headers, uids, fractional=True)
    yield "heatmap.dcm", parametric_map(result, headers, uids)
    yield "report.dcm", report(result, headers, mask, uids, predecessor)
    for number, made in enumerate(captures(result, headers, uids), 1):
        yield f"capture_{number:03d}.dcm", made


@contextlib.contextmanager
def _one_sentence(folder: Path) -> Iterator[None]:
    """Turns errors of writing into one sentence that does not name the patient."""
    try:
        yield
    except OSError as error:
        # What pydicom raises holds a traceback; the system's own error is its cause.
        reason = error.strerror or getattr(error.__cause__, "strerror", None) or type(error).__name__
        raise KgpError(f"The DICOM objects cannot be written into {folder}: {reason}.") from None
    except KgpError:
        raise
    except (ValueError, TypeError) as error:
        # The message of the library may quote a header, so it is not passed on.
        raise KgpError(
            f"The headers of the reference series cannot be carried over into DICOM objects ({type(error).__name__})."
        ) from error
