import keras
import numpy as np
import pytest

from kgp.training.pixel_loss import PixelLoss


def labels(classes, weights):
    return np.stack([np.asarray(classes, np.float32), np.asarray(weights, np.float32)], axis=-1)[None]


def test_loss_by_hand():
    """Probabilities of a tumour are 3/4 where the map says log 3, else 1/2; of four pixels one has no label."""
    heatmap = np.zeros((1, 2, 2, 2), np.float32)
    heatmap[0, 0, 0, 1] = np.log(3.0)
    y_true = labels([[1, 0], [1, 0]], [[0.5, 0.5], [0.5, 0.0]])
    cross_entropy = 0.5 * (np.log(4.0 / 3.0) + np.log(2.0) + np.log(2.0)) / 4.0
    dice = (2.0 * (0.75 + 0.5) + 1.0) / (0.75 + 0.5 + 0.5 + 2.0 + 1.0)
    assert float(PixelLoss(0)(y_true, heatmap)) == pytest.approx(5.0 * cross_entropy + 0.5 * (1.0 - dice), rel=1e-5)


def test_a_slice_without_a_tumour_has_no_dice_and_one_without_labels_no_loss():
    heatmap = np.zeros((1, 2, 2, 3), np.float32)
    free = labels(np.zeros((2, 2)), np.ones((2, 2)))
    assert float(PixelLoss(0)(free, heatmap)) == pytest.approx(5.0 * np.log(3.0), rel=1e-5)
    assert float(PixelLoss(0)(labels(np.ones((2, 2)), np.zeros((2, 2))), heatmap)) == 0.0


def test_every_kind_of_tumour_counts_as_tumour_in_the_dice():
    sure = 50.0
    heatmap = np.zeros((1, 1, 2, 3), np.float32)
    heatmap[0, 0, 0, 2] = heatmap[0, 0, 1, 0] = sure
    grade_two = labels([[1, 0]], [[1.0, 1.0]])
    grade_three = labels([[2, 0]], [[1.0, 1.0]])
    assert float(PixelLoss(0)(grade_three, heatmap)) == pytest.approx(0.0, abs=1e-5)
    assert float(PixelLoss(0)(grade_two, heatmap)) == pytest.approx(5.0 * sure / 2.0, rel=1e-5)  # the Dice is 1


def test_a_batch_is_the_mean_of_its_slices():
    rng = np.random.default_rng(0)
    heatmap = rng.normal(size=(3, 4, 4, 2)).astype(np.float32)
    y_true = np.stack([rng.integers(0, 2, (3, 4, 4)), rng.random((3, 4, 4))], axis=-1).astype(np.float32)
    loss = PixelLoss(0)
    single = [float(loss(y_true[n : n + 1], heatmap[n : n + 1])) for n in range(3)]
    assert float(loss(y_true, heatmap)) == pytest.approx(np.mean(single), rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(y_true, heatmap)) == float(loss(y_true, heatmap))
