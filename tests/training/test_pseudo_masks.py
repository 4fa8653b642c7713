import cv2
import numpy as np
import pytest

from kgp.data.labels import choose_labels
from kgp.data.parts import Part
from kgp.heatmap.reading import Reading
from kgp.training.pseudo_masks import pseudo_masks, read_pixel_labels, with_band, write_pseudo_masks

ZERO = Reading(map="margin", region="picture", rule="zero")


def test_the_band_around_an_outline_is_ignored():
    mask = np.zeros((9, 12), bool)
    mask[:, 6:] = True
    np.testing.assert_array_equal(with_band(mask), np.tile([0, 0, 0, 0, 2, 2, 2, 2, 1, 1, 1, 1], (9, 1)))
    assert not with_band(np.zeros((9, 12), bool)).any()


def test_masks_of_a_network_that_sees_brightness_agree_in_all_views(bright_runtime, tiny_cohort, tmp_path):
    """Each tumour is a bright square of 5 x 5 pixels: the pseudo-mask is the true one, and every view says so."""
    labelled = choose_labels(tiny_cohort, ())
    write_pseudo_masks(
        bright_runtime(), tiny_cohort, Part(labelled.rows, labelled.targets), 0, tmp_path / "pseudo", ZERO
    )
    pixels = read_pixel_labels(tmp_path / "pseudo", labelled.rows, 0)
    assert pixels.no_tumour_class == 0 and set(pixels.weights) == {1.0}
    for row, target, file in zip(labelled.rows, labelled.targets, pixels.files, strict=True):
        codes = cv2.imread(file, cv2.IMREAD_UNCHANGED)
        if not target:
            assert not codes.any() and file.endswith("none.png")
            continue
        truth = np.load(tiny_cohort.folder / row.mask)
        np.testing.assert_array_equal(codes, with_band(truth > 0))


@pytest.mark.parametrize(("fainter", "pixels", "weight"), [(0.0, 16, 1.0), (1.0, 16, 0.5), (9.0, 0, 0.0)])
def test_views_that_disagree_weigh_less_and_an_empty_mask_nothing(bright_runtime, fainter, pixels, weight):
    """Every second view sees the square so much fainter: all, half or none of the views agree with their mean."""
    runtime = bright_runtime()
    image = np.full((16, 16, 2), 100.0, np.float32)
    image[2:6, 2:6] = 200.0  # 0.5 above the threshold
    predict, asked = runtime.predict, []

    def fickle(images):
        asked.append(len(images))
        logits, heatmaps = predict(images)
        return logits, heatmaps - [0.0, fainter * (len(asked) % 2)]

    runtime.predict = fickle
    reading = Reading(map="margin", region="picture", rule="fixed", value=-0.2)
    ((mask, found),) = pseudo_masks(runtime, [image], [1], 0, reading, [None])
    assert (mask.sum(), found) == (pixels, pytest.approx(weight))
