"""Overlays as Secondary Capture images, for viewers that show neither segmentations nor maps."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pydicom
from highdicom.sc import SCImage

import kgp
from kgp.research_use import RESEARCH_USE
from serving.dicom_output.identity import BODY_PART, Uids, equipment
from serving.dicom_output.radiological_view import radiological_view
from serving.dicom_output.study_result import StudyResult

_SERIES_NUMBER = 9704
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def captures(result: StudyResult, headers: Sequence[pydicom.Dataset], uids: Uids) -> Iterator[SCImage]:
    """Makes a Secondary Capture of each overlay, in the order of the slices.

    "Research use only" is burned in above the picture. Each refers to the slice, or the frame, that
    it shows. It has no position, as a picture may hold several panels, but PatientOrientation, as
    all panels are turned alike.

    Args:
        result: what inference found.
        headers: `derivation_headers` of it.
        uids: makes the UIDs.
    """
    view = radiological_view(result.geometry)
    series = uids.make("series of captures")
    for index, overlay in enumerate(result.overlays):
        header = headers[0 if len(headers) == 1 else index]
        made = SCImage.from_ref_dataset(
            ref_dataset=header,
            pixel_array=with_notice(overlay),
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            patient_orientation=("L", "P"),
            series_instance_uid=series,
            series_number=_SERIES_NUMBER,
            sop_instance_uid=uids.make("capture", str(index)),
            instance_number=index + 1,
            transfer_syntax_uid=pydicom.uid.ExplicitVRLittleEndian,
            series_description=f"kgp overlays. {RESEARCH_USE}",
            **equipment(result),
        )
        made.copy_patient_and_study_information(header)  # highdicom does so in its other objects only
        made.PatientOrientation = [view.right, view.down]  # highdicom takes single letters only
        made.BodyPartExamined = BODY_PART
        made.BurnedInAnnotation = "NO"  # that is, no identity of the patient; letters of directions are none
        made.ImageComments = f"{RESEARCH_USE}. kgp overlay of slice {index + 1} of {len(result.overlays)}"
        made.DerivationDescription = made.ImageComments
        made.SourceImageSequence = [_reference(header, result.frames[index])]
        yield made


def with_notice(picture: np.ndarray) -> np.ndarray:
    """Puts a band with "RESEARCH USE ONLY" and the version above a picture.

    Args:
        picture: uint8 [h, w, 3].

    Returns:
        uint8 [h + band, w, 3]; the letters fit the width.
    """
    text = f"{RESEARCH_USE.upper()} - kgp {kgp.__version__}"
    (width, height), below_baseline = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = min(0.5, (picture.shape[1] - 4) / width)
    band = np.zeros((round((height + below_baseline) * scale) + 6, picture.shape[1], 3), np.uint8)
    cv2.putText(band, text, (2, round(height * scale) + 3), _FONT, scale, (255, 200, 60), 1, cv2.LINE_AA)
    return np.concatenate([band, picture])


def _reference(header: pydicom.Dataset, frame: int | None) -> pydicom.Dataset:
    """An item of SourceImageSequence."""
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    if frame is not None:
        item.ReferencedFrameNumber = frame
    return item
