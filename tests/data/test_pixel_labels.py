"""Labels of pixels in the pipeline."""

import cv2
import numpy as np

from kgp.config import AugmentConfig
from kgp.data.pipeline import training_dataset
from kgp.data.pixel_labels import IGNORED, INSIDE, PixelLabels


def test_pixel_labels_move_with_the_picture(tiny_cohort, tmp_path):
    """The last contrast is bright where, and only where, a label says tumour; the border is not counted."""
    rows = tiny_cohort.rows[:4]
    files = []
    for number, row in enumerate(rows):
        mask = np.load(tiny_cohort.folder / row.mask)
        codes = INSIDE * mask
        codes[0] = IGNORED
        files.append(str(tmp_path / f"{number}.png"))
        cv2.imwrite(files[-1], codes)
    pixels = PixelLabels(tuple(files), (1.0, 0.5, 1.0, 0.25), no_tumour_class=2)
    dataset = training_dataset(
        tiny_cohort,
        rows,
        [row.label for row in rows],
        classes=3,
        batch_size=4,
        normalisation="none",
        augment=AugmentConfig(flip_horizontal=0.5, flip_vertical=0.5),
        seed=1,
        pixels=pixels,
    )
    ((images, labels, of_pixels),) = dataset.as_numpy_iterator()
    assert of_pixels.shape == (4, 16, 16, 2)
    for image, label, (classes, weights) in zip(images, labels, np.moveaxis(of_pixels, -1, 1), strict=True):
        counted = weights > 0
        np.testing.assert_array_equal(classes[counted], np.where(image[counted][:, -1] > 200, label.argmax(), 2))
        assert set(np.unique(weights)) <= {0.0, 0.25, 0.5, 1.0} and (~counted).sum() == 16
