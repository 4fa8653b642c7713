"""What inference found in one study: the shape that reading and inference hand to the writer of DICOM."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pydicom


@dataclasses.dataclass(frozen=True)
class ConsoleResult:
    """What inference found in one study, on the grid of its reference series.

    Attributes:
        sources: header data sets (pydicom, without pixels) of the reference series, one a slice, in order along the normal;
            for an enhanced multi-frame object one data set (frame order in `frames`).
        frames: for slice i, the 1-based frame number within its source object, or None for single-frame series.
        mask: bool [S, H, W] in rows and columns of the source images.
        heatmap: float32 [S, H, W], the reading's map.
        probabilities: float64 [S, K].
        predicted: int [S], class index by slice.
        class_names: K names.
        no_tumour_class: index, or None.
        points: for each slice the strongest evidence points as (row, column, contribution) in source pixels.
        overlays: uint8 [S, h, w, 3] pictures for viewers that know nothing else.
        model: name, version and SHA-256 of the model (dict of str).
        reading: name of the reading.
        remark: a sentence for the report on how the numbers of a slice came about, or "".
        instances: SOPInstanceUID of every image that was read, those of the other contrasts too; UIDs on request follow from
            them.
    """

    sources: Sequence[pydicom.Dataset]
    frames: Sequence[int | None]
    mask: np.ndarray
    heatmap: np.ndarray
    probabilities: np.ndarray
    predicted: np.ndarray
    class_names: Sequence[str]
    no_tumour_class: int | None
    points: Sequence[Sequence[tuple[float, float, float]]]
    overlays: np.ndarray
    model: Mapping[str, str]
    reading: str
    remark: str = ""
    instances: Sequence[str] = ()
