"""The heatmap as a DICOM Parametric Map: float32 pixels, and what their values mean."""

from collections.abc import Sequence

import numpy as np
import pydicom
from highdicom import VOILUTTransformation
from highdicom.pm import ParametricMap, RealWorldValueMapping
from pydicom.sr.codedict import codes

from kgp.research_use import RESEARCH_USE
from serving.dicom_output.headers import pixel_measures, plane_orientation, plane_positions
from serving.dicom_output.identity import BODY_PART, BRAIN, Uids, equipment, plain
from serving.dicom_output.segmentation import finish_frames
from serving.dicom_output.study_result import StudyResult

_SERIES_NUMBER = 9702
_KIND = "parametric map"


def parametric_map(result: StudyResult, headers: Sequence[pydicom.Dataset], uids: Uids) -> ParametricMap:
    """Makes the Parametric Map object of the heatmap: all slices, the values as they are.

    Args:
        result: what inference found.
        headers: `derivation_headers` of it.
        uids: makes the UIDs.
    """
    lowest, highest = float(result.heatmap.min()), float(result.heatmap.max())
    limit = max(abs(lowest), abs(highest), float(np.finfo(np.float32).tiny))
    made = ParametricMap(
        source_images=headers,
        pixel_array=result.heatmap,
        series_instance_uid=uids.make("series of parametric maps"),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=uids.make(_KIND),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[
            RealWorldValueMapping(
                lut_label="HEATMAP",
                lut_explanation=f"Class activation of kgp, reading {plain(result.reading, 24)}",
                unit=codes.UCUM.NoUnits,
                value_range=(lowest, highest),
                slope=1.0,
                intercept=0.0,
                quantity_definition=codes.DCM.ClassActivation,
            )
        ],
        # Blue below and red above 0 in viewers that colour around the middle of the window.
        voi_lut_transformations=[
            VOILUTTransformation(window_center=0.0, window_width=2 * limit, voi_lut_function="LINEAR_EXACT")
        ],
        content_label="HEATMAP",
        content_description=f"{RESEARCH_USE}. kgp: map that the mask is cut from",
        content_qualification="RESEARCH",
        pixel_measures=pixel_measures(result.geometry),
        plane_orientation=plane_orientation(result.geometry),
        plane_positions=plane_positions(result.geometry),
        series_description=f"kgp heatmap. {RESEARCH_USE}",
        **equipment(result),
    )
    made.BodyPartExamined = BODY_PART
    made.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [_anatomy()]
    finish_frames(made, result, uids, _KIND)
    return made


def _anatomy() -> pydicom.Dataset:
    """An item of FrameAnatomySequence, without which dcmqi, and so 3D Slicer, crashes."""
    item = pydicom.Dataset()
    item.FrameLaterality = "U"  # unpaired
    item.AnatomicRegionSequence = [BRAIN]
    return item
