"""Overlays as Secondary Capture images, one a slice, for viewers that know neither segmentations nor maps."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pydicom
from highdicom.sc import SCImage

import kgp
from serving.dicom_output.identity import BODY_PART, RESEARCH_USE, Uids, equipment
from serving.dicom_output.study_result import StudyResult

_SERIES_NUMBER = 9704
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def captures(result: StudyResult, headers: Sequence[pydicom.Dataset], uids: Uids) -> Iterator[SCImage]:
    """A Secondary Capture of each overlay, in the order of the slices, with "research use only" burned in above it.

    Each refers to the slice, or the frame, that it was drawn of. They have no position and no PatientOrientation, as pictures
    may be panels.
    """
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
        made.copy_patient_and_study_information(header)  # as the other objects of highdicom do by themselves
        made.PatientOrientation = []  # highdicom wants one; ours is not known
        made.BodyPartExamined = BODY_PART
        made.BurnedInAnnotation = "NO"  # it asks for the identity of the patient, which is not in the picture
        made.ImageComments = f"{RESEARCH_USE}. kgp overlay of slice {index + 1} of {len(result.overlays)}"
        made.DerivationDescription = made.ImageComments
        made.SourceImageSequence = [_reference(header, result.frames[index])]
        yield made


def with_notice(picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 [h, w, 3], below a band that says "RESEARCH USE ONLY" and the version, in letters that fit its width."""
    text = f"RESEARCH USE ONLY - kgp {kgp.__version__}"
    (width, height), below = cv2.getTextSize(text, _FONT, 1.0, 1)
    scale = min(0.5, (picture.shape[1] - 4) / width)
    band = np.zeros((round((height + below) * scale) + 6, picture.shape[1], 3), np.uint8)
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
