"""Masks of the training slices that a network gives itself, as labels for a second stage.

No true mask is read: the class of each slice is the training's own label, and where its tumour lies
is what a trained network's heatmap says. A folder of pseudo-masks holds

    pseudo_masks.csv   id, file, weight and size of the mask of each training slice with a tumour
    masks/             one PNG a slice: 0 outside, 1 inside, 2 within `BAND` pixels of the outline
"""

import dataclasses
import functools
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kgp.data.cohort import Cohort, SliceRow, read_image, spacing_of
from kgp.data.parts import Part
from kgp.data.pixel_labels import IGNORED, INSIDE, OUTSIDE, PixelLabels
from kgp.files import atomic_folder, read_table, write_table
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import REFINED, Reading
from kgp.heatmap.views import each_view
from kgp.prediction.own_grid import cut_on_grid
from kgp.progress import show_progress
from kgp.runtime.runtime import Runtime
from kgp.scans.fit import fit_image

TABLE = "pseudo_masks.csv"
NONE = "masks/none.png"
BAND = 2  # pixels on both sides of the outline, which no reading knows to the pixel


def write_pseudo_masks(
    runtime: Runtime, cohort: Cohort, part: Part, no_tumour_class: int, folder: Path, reading: Reading = REFINED
) -> None:
    """Writes the pseudo-masks of the slices with a tumour.

    The network sees each slice at its own size, in all views. The mean of its heatmaps is brought
    to the slice's grid and cut there. The weight of the slice is how well its views agree: the mean
    Dice of the mean map's level set with those of single views, before any refinement by the image,
    which says the same to all. A slice whose mask is empty has the weight 0.

    Args:
        runtime: the network of the first stage.
        cohort: the slices as the second stage takes them.
        part: the training slices and their class indices.
        no_tumour_class: index of the class that means "no tumour".
        folder: where they are to stand; written atomically.
        reading: how masks are cut.
    """
    table = []
    started = time.monotonic()
    chosen = [pair for pair in zip(part.rows, part.targets, strict=True) if pair[1] != no_tumour_class]
    with atomic_folder(folder) as temporary:
        (temporary / "masks").mkdir()
        _write_codes(temporary / NONE, np.zeros(cohort.shape[:2], np.uint8))
        for start in range(0, len(chosen), runtime.batch):
            batch = chosen[start : start + runtime.batch]
            rows = [row for row, _ in batch]
            images = [read_image(cohort, row) for row in rows]
            targets = [target for _, target in batch]
            spacings = [spacing_of(row) for row in rows]
            found = pseudo_masks(runtime, images, targets, no_tumour_class, reading, spacings)
            for row, (mask, weight) in zip(rows, found, strict=True):
                file = f"masks/{Path(row.image).stem}.png"
                _write_codes(temporary / file, with_band(mask))
                table.append({"id": row.id, "file": file, "weight": round(weight, 4), "pixels": int(mask.sum())})
                show_progress("Labelled the pixels of", len(table), len(chosen), started)
        write_table(table, temporary / TABLE)


def pseudo_masks(
    runtime: Runtime,
    images: Sequence[np.ndarray],
    targets: Sequence[int],
    no_tumour_class: int,
    reading: Reading,
    spacings: Sequence[tuple[float, float] | None],
) -> list[tuple[np.ndarray, float]]:
    """The masks of slices and their weights; see `write_pseudo_masks`.

    Args:
        images: raw intensities [H, W, C] of each.
        targets: their classes.
        spacings: millimetres between rows and between columns of each, or None for square pixels.

    Returns:
        For each slice a mask bool [H, W], and a number in [0, 1].
    """
    size = runtime.description.size
    fitted = np.stack([fit_image(image, size, spacing) for image, spacing in zip(images, spacings, strict=True)])
    views = np.stack([heatmaps for _, heatmaps in each_view(runtime.predict, fitted)])  # [V, B, h, w, K]
    of_the_map = dataclasses.replace(reading, refinements=0)  # the image says the same to all views
    found = []
    for number, (image, target, spacing) in enumerate(zip(images, targets, spacings, strict=True)):
        cut = functools.partial(
            cut_on_grid, class_index=target, image=image, no_tumour_class=no_tumour_class, spacing=spacing
        )
        mean = views[:, number].mean(axis=0)
        mask, level_set = cut(mean, reading=reading).mask, cut(mean, reading=of_the_map).mask
        agreement = np.mean([dice(cut(view, reading=of_the_map).mask, level_set) for view in views[:, number]])
        found.append((mask, float(agreement) if mask.any() else 0.0))
    return found


def with_band(mask: np.ndarray) -> np.ndarray:
    """A mask bool [H, W] as INSIDE and OUTSIDE, with IGNORED around its outline; uint8 [H, W]."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    pixels = mask.astype(np.uint8)
    near = cv2.dilate(pixels, disc) != cv2.erode(pixels, disc)
    return np.where(near, IGNORED, np.where(mask, INSIDE, OUTSIDE)).astype(np.uint8)


def read_pixel_labels(folder: Path, rows: Sequence[SliceRow], no_tumour_class: int) -> PixelLabels:
    """The labels of training slices. Those without a tumour are outside everywhere, which is true.

    Raises:
        KgpError: the table is missing or damaged.
    """
    known = {row["id"]: (row["file"], float(row["weight"])) for row in read_table(folder / TABLE).rows}
    found = [known.get(row.id, (NONE, 1.0)) for row in rows]
    return PixelLabels(
        tuple(str(folder / file) for file, _ in found), tuple(weight for _, weight in found), no_tumour_class
    )


def healthy_everywhere(folder: Path, cohort: Cohort, count: int, no_tumour_class: int) -> PixelLabels:
    """Labels without any tumour for so many slices, to measure what a training costs; a file is
    written into `folder`.
    """
    path = folder / Path(NONE).name
    _write_codes(path, np.zeros(cohort.shape[:2], np.uint8))
    return PixelLabels((str(path),) * count, (1.0,) * count, no_tumour_class)


def _write_codes(path: Path, codes: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(".png", codes)[1].tobytes())
