"""The mask as a DICOM Segmentation, binary or fractional."""

from collections.abc import Sequence

import numpy as np
import pydicom
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.sr.codedict import codes

from kgp.research_use import RESEARCH_USE
from serving.dicom_output.frame_layout import put_frames_along_the_normal, space_frames_evenly
from serving.dicom_output.headers import keep_named_frames, pixel_measures, plane_orientation, plane_positions
from serving.dicom_output.identity import BRAIN, MANUFACTURER, NEOPLASM, Uids, algorithm_sequence, equipment
from serving.dicom_output.study_result import StudyResult

SEGMENT = 1
TRACKING_ID = "kgp tumour"
_SERIES_NUMBER = 9701
_ORANGE = (76.0, 25.0, 73.0)  # CIELab of the colour that the overlays fill masks with


def segmentation(
    result: StudyResult, headers: Sequence[pydicom.Dataset], uids: Uids, *, fractional: bool = False
) -> Segmentation:
    """Makes the Segmentation object.

    Args:
        result: what inference found.
        headers: `derivation_headers` of it.
        uids: makes the UIDs.
        fractional: write the map instead of the mask: its positive part divided by its highest
            value in the study, in 255 steps. DICOM has no kind for such a relative map; it is
            stored as PROBABILITY, and label and description say that it is none.

    Returns:
        An object with one segment. Its frames are the slices from the first to the last that is not
        empty, those between them too: ITK takes the spacing from the positions of the frames, and
        falls back to 1 mm and other directions where they are not even. Where everything is empty,
        all slices are frames.
    """
    kind = "fractional segmentation" if fractional else "segmentation"
    description = (
        f"{RESEARCH_USE}. kgp: relative map, no probability" if fractional else f"{RESEARCH_USE}. kgp: tumour mask"
    )
    pixels = relative_map(result.heatmap) if fractional else result.mask
    kept = _between_first_and_last(pixels)
    made = Segmentation(
        source_images=headers,
        pixel_array=pixels[kept],
        segmentation_type="FRACTIONAL" if fractional else "BINARY",
        segment_descriptions=[_segment(result, uids, "Tumour, relative map" if fractional else "Tumour")],
        series_instance_uid=uids.make("series of segmentations"),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=uids.make(kind),
        instance_number=2 if fractional else 1,
        content_label="TUMOUR_MAP" if fractional else "TUMOUR",
        content_description=description,
        pixel_measures=pixel_measures(result.geometry),
        plane_orientation=plane_orientation(result.geometry),
        plane_positions=plane_positions(result.geometry)[kept],
        omit_empty_frames=False,
        series_description=f"kgp segmentation. {RESEARCH_USE}",
        **equipment(result),
    )
    finish_frames(made, result, uids, kind)
    return made


def relative_map(heatmap: np.ndarray) -> np.ndarray:
    """The positive part of a map, float [S, H, W], divided by its highest value.

    All 0 where nothing is positive.
    """
    highest = max(float(heatmap.max()), 0.0)
    if highest == 0:
        return np.zeros(heatmap.shape, np.float32)
    return (np.maximum(heatmap, 0.0) / highest).astype(np.float32)


def _between_first_and_last(pixels: np.ndarray) -> slice:
    """The slices of [S, H, W] from the first to the last that is not empty; all where none is."""
    filled = np.flatnonzero(pixels.any(axis=(1, 2)))
    return slice(filled[0], filled[-1] + 1) if len(filled) else slice(None)


def finish_frames(made: pydicom.Dataset, result: StudyResult, uids: Uids, kind: str) -> None:
    """Corrects a multi-frame object in place: references, order of frames, creator, UID of dimensions.

    Args:
        made: the object, as highdicom made it.
        result: names the frame that was read for each slice.
        uids: makes the UID.
        kind: of the object, for its UID.
    """
    keep_named_frames(made, result)
    put_frames_along_the_normal(made)
    space_frames_evenly(made, result.geometry)
    made.ContentCreatorName = f"{MANUFACTURER}^"  # a person's name without a caret is a retired form
    organisation = uids.make(kind, "dimensions")
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = organisation


def _segment(result: StudyResult, uids: Uids, label: str) -> SegmentDescription:
    return SegmentDescription(
        segment_number=SEGMENT,
        segment_label=label,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=NEOPLASM,
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm_sequence(result),
        tracking_uid=uids.make("tumour"),
        tracking_id=TRACKING_ID,
        anatomic_regions=[BRAIN],
        display_color=CIELabColor(*_ORANGE),
    )
