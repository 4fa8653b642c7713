"""A sheet of augmented slices, to look at before training."""

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from kgp.data.augment import augment_pair
from kgp.data.cohort import Cohort, read_image, read_mask
from kgp.data.normalise import normalise
from kgp.report.overlay import grey_panel, write_png
from kgp.training.config import RunConfig

_TILE = 144
_OUTLINE = (60, 220, 120)


def write_preview(cohort: Cohort, path: Path, config: RunConfig, rows: int = 6, columns: int = 6) -> None:
    """Writes a PNG: each row a slice as normalised, then augmented anew in each column; the true mask is outlined.

    Slices are spread evenly over the cohort; contrasts follow each other from row to row.

    Args:
        cohort: the prepared slices.
        path: the .png file, written atomically.
        config: its normalisation, augmentation and seed are used.
        rows, columns: slices and versions of each.
    """
    chosen = [cohort.rows[i] for i in np.unique(np.linspace(0, len(cohort.rows) - 1, rows).round().astype(int))]
    lines = []
    for number, row in enumerate(chosen):
        image = normalise(read_image(cohort, row), config.data.normalisation)
        mask = read_mask(cohort, row)
        truth = tf.constant(np.zeros(cohort.shape[:2], bool) if mask is None else mask)
        channel = number % cohort.shape[2]
        tiles = [_tile(image, truth, channel, f"{row.label_name}, {cohort.contrasts[channel]}")]
        for column in range(1, columns):
            seed = tf.constant([config.optimiser.seed + column, number], tf.int64)
            tiles.append(_tile(*augment_pair(image, truth, config.augment, seed), channel, ""))
        lines.append(np.concatenate(tiles, axis=1))
    write_png(path, np.concatenate(lines))


def _tile(image: tf.Tensor, mask: tf.Tensor, channel: int, caption: str) -> np.ndarray:
    panel = grey_panel(np.asarray(image)[..., channel])
    truth = cv2.resize(np.asarray(mask).astype(np.uint8), panel.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(truth, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(panel, outlines, -1, _OUTLINE, 2, cv2.LINE_AA)
    height = round(_TILE * panel.shape[0] / panel.shape[1])
    tile = cv2.resize(panel, (_TILE, height), interpolation=cv2.INTER_AREA)
    cv2.putText(tile, caption, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 220, 90), 1, cv2.LINE_AA)
    return np.pad(tile, ((0, 2), (0, 2), (0, 0)), constant_values=255)
