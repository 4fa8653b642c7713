"""What is told of one stack of slices: class, probabilities, maps and masks on the source's own grid."""

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.heatmap.evidence import EvidencePoint
from kgp.heatmap.threshold import cut_mask, select_map
from kgp.heatmap.views import average_views
from kgp.runtime.runtime import Runtime, probabilities, tumour_class
from kgp.scans.fit import fit_image, restore_map, restore_mask

_log = logging.getLogger(__name__)
_BATCH = 16
_SECONDS = 5.0  # between two lines of progress
BLACK = "black_slice"


@dataclasses.dataclass(frozen=True)
class CaseResult:
    """The findings on a stack of D slices.

    Attributes:
        masks: bool [D, H, W].
        maps: float32 [D, H, W], the reading's map for the likeliest class that means a tumour: what was cut where a tumour
            was predicted, and comparable from slice to slice; 0 in slices that are black all over.
        table: one dict a slice: slice number, class, probabilities, size of the mask, why a mask is empty, and
            the class of the map.
        points: for slices whose evidence is known already the strongest points of the class of the map, on the fitted slice.
    """

    masks: np.ndarray
    maps: np.ndarray
    table: list[dict[str, Any]]
    points: Mapping[int, Sequence[EvidencePoint]] = dataclasses.field(default_factory=dict)


def segment_stack(
    runtime: Runtime, stack: np.ndarray, reading_name: str, spacing: tuple[float, float] | None = None
) -> CaseResult:
    """Classifies and segments slices of any size; they are fitted to the runtime's size and the results brought back.

    What takes long logs how far it is.

    Args:
        stack: raw intensities [D, H, W, C], in the runtime's order of contrasts.
        reading_name: one of the runtime's readings.
        spacing: millimetres between rows and between columns, or None for square pixels.

    Raises:
        KgpError: the slices do not fit the runtime.
    """
    reading = runtime.readings[reading_name]
    if stack.shape[3] != len(runtime.contrasts):  # asked here, as the runtime never sees slices that are black
        raise KgpError(
            f"{runtime.name} takes slices with the {len(runtime.contrasts)} contrasts {', '.join(runtime.contrasts)}, "
            f"not with {stack.shape[3]} channels."
        )
    if runtime.size == 0:
        spacing = None  # slices that are not fitted are not brought back either
    height, width = stack.shape[1:3]
    masks = np.zeros(stack.shape[:3], bool)
    maps = np.zeros(stack.shape[:3], np.float32)
    table: list[dict[str, Any]] = [{"slice": index, "class": "", "reason": BLACK} for index in range(len(stack))]
    lit = [index for index in range(len(stack)) if stack[index].any()]
    started = said = time.monotonic()
    for start in range(0, len(lit), _BATCH):
        if start and time.monotonic() - said > _SECONDS:
            said = time.monotonic()
            _log.info("%d of %d slices, %.0f s left.", start, len(lit), (said - started) / start * (len(lit) - start))
        chosen = lit[start : start + _BATCH]
        images = np.stack([fit_image(stack[index], runtime.size, spacing) for index in chosen])
        logits, heatmaps = average_views(runtime.predict, images) if reading.views == 8 else runtime.predict(images)
        for place, index in enumerate(chosen):
            score = probabilities(logits[place])
            predicted = int(score.argmax())
            result = cut_mask(
                heatmaps[place], predicted, reading, image=images[place], no_tumour_class=runtime.no_tumour_class
            )
            masks[index] = restore_mask(result.mask, height, width, spacing)
            likeliest = tumour_class(logits[place], runtime.no_tumour_class)
            shown = select_map(heatmaps[place], likeliest, reading, runtime.no_tumour_class)
            maps[index] = restore_map(shown, height, width, spacing)
            # A mask of few pixels may vanish on a coarser grid.
            reason = result.reason or (None if masks[index].any() else "nothing_above")
            table[index] = slice_line(index, score, runtime.class_names, int(masks[index].sum()), reason)
            table[index]["heatmap_of"] = runtime.class_names[likeliest]
    return CaseResult(masks, maps, table)


def slice_line(
    index: int, score: np.ndarray, class_names: Sequence[str], pixels: int, reason: str | None
) -> dict[str, Any]:
    """One line of slices.csv."""
    return {
        "slice": index,
        "class": class_names[int(score.argmax())],
        **{f"p_{name}": round(float(value), 6) for name, value in zip(class_names, score, strict=True)},
        "mask_pixels": pixels,
        "reason": reason or "",
    }
