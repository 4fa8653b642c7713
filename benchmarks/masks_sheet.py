"""A sheet of random test cases: slice, map, and the outlines of truth, before and after."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from masks_judged import RunPart, known_slices, rung_masks

from kgp.evaluation.known_slices import KnownSlice
from kgp.evaluation.ladder import LadderSlice
from kgp.heatmap.overlap import dice
from kgp.report.overlay import PANEL, Picture, caption_bar, grey_panel, map_panel, shown_contrast, write_png
from kgp.scans.fit import fit_image, fit_map, fit_mask

CASES, COLUMNS, SEED = 24, 3, 0
MARGIN = 8  # pixels around the outlines
TRUTH, BEFORE, NOW = (60, 220, 120), (255, 170, 30), (90, 160, 255)  # green, orange, blue


def write_sheet(
    parts: Sequence[RunPart], against: Sequence[RunPart] | None, slices: Sequence[LadderSlice], path: Path
) -> None:
    """Draws 24 random tumour slices of all parts; the same ones each time.

    Args:
        parts: the runs of now.
        against: the runs of before. Both are drawn by their default readings; without runs of
            before, the rungs "hysteresis" and "refined" of the runs of now are.
        slices: what was judged.
    """
    tumour = sorted(one.id for one in slices if one.true_pixels)
    chosen = set(np.random.default_rng(SEED).permutation(tumour)[:CASES])
    now = _predicted(parts, chosen)
    before = _predicted(against, chosen) if against else {}
    tiles = []
    for identifier in sorted(now):
        part, known = now[identifier]
        old = before[identifier][1] if identifier in before else None
        tiles.append(_tile(part, known, old))
    if not tiles:
        return
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.concatenate(tiles[start : start + COLUMNS], axis=1) for start in range(0, len(tiles), COLUMNS)]
    legend = "random test cases (tumour slices): slice, map, outlines enlarged; green truth, orange before, blue now"
    write_png(path, caption_bar(np.concatenate(rows), legend))


def _predicted(parts: Sequence[RunPart], chosen: set[str]) -> dict[str, tuple[RunPart, KnownSlice]]:
    found = {}
    for part in parts:
        rows = [row for row in part.rows if row.id in chosen]
        found |= {known.row.id: (part, known) for known in known_slices(part, rows)}
    return found


def _tile(part: RunPart, known: KnownSlice, old: KnownSlice | None) -> np.ndarray:
    """Slice, map and outlines side by side with a line above, RGB uint8."""
    prediction = known.predictions["delivered"]
    truth = np.zeros(prediction.mask.shape, bool) if known.truth is None else known.truth
    masks = rung_masks(prediction, truth)
    earlier, now = masks["hysteresis"], masks["refined"]
    if old is not None:
        earlier, now = rung_masks(old.predictions["delivered"], truth)["delivered"], masks["delivered"]
    channel = shown_contrast(part.runtime.description.contrasts)
    image = fit_image(prediction.image[..., channel, None], PANEL, known.spacing)
    grey = grey_panel(image[..., 0])
    coloured = map_panel(grey, Picture(image, 0, fit_map(prediction.map, PANEL, known.spacing), prediction.mask))
    outlined = _outlines(prediction.image[..., channel, None], (truth, earlier, now), known.spacing)
    called = "" if prediction.predicted_class != prediction.no_tumour_class else ", called tumour-free"
    caption = f"{known.row.id}: {dice(earlier, truth):.2f} -> {dice(now, truth):.2f}{called}"
    return caption_bar(np.concatenate([grey, coloured, outlined], axis=1), caption)


def _outlines(image: np.ndarray, masks: Sequence[np.ndarray], spacing: tuple[float, float] | None) -> np.ndarray:
    """The part of a slice [H, W, 1] that holds all masks, with their outlines, RGB uint8 of PANEL
    pixels.
    """
    rows, columns = np.nonzero(np.any(masks, axis=0))
    part = tuple(
        slice(max(0, places.min() - MARGIN), places.max() + MARGIN + 1) for places in (rows, columns) if places.size
    )
    panel = grey_panel(fit_image(image[part], PANEL, spacing)[..., 0])
    for mask, colour in zip(masks, (TRUTH, BEFORE, NOW), strict=True):
        fitted = fit_mask(mask[part], PANEL, spacing).astype(np.uint8)
        cv2.drawContours(panel, cv2.findContours(fitted, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0], -1, colour, 1)
    return panel
