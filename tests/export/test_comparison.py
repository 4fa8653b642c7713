import numpy as np
import pytest

from export.comparison import Bounds, bound_excesses, compare, comparison_lines
from export.samples import Samples
from kgp.heatmap.reading import HYSTERESIS
from kgp.prediction.slice import SlicePrediction


def predictions(masks, logits):
    zeros = np.zeros((2, 2, 2), np.float32)
    return [
        SlicePrediction(zeros, np.array(logit, np.float32), zeros, HYSTERESIS, 0, mask_of(mask), None, zeros[..., 0])
        for mask, logit in zip(masks, logits, strict=True)
    ]


def mask_of(pixels):
    return np.array(pixels, bool).reshape(2, 2)


def samples(truth, targets):
    masks = [None if mask is None else mask_of(mask) for mask in truth]
    return Samples("drawn slices", np.zeros((len(truth), 2, 2, 1), np.float32), masks, targets)


def test_differences_are_counted():
    run = predictions([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], [[0, 4], [2, 0], [0, 1]])
    export = predictions([[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], [[0, 4], [0, 2], [0, 1]])
    comparison = compare(run, export, samples([[1, 1, 0, 0], None, None], (1, 0, 1)))
    assert comparison["logits_difference"] == pytest.approx(0.5)
    assert comparison["heatmap_difference"] == 0.0
    assert comparison["class_agreement"] == pytest.approx(2 / 3)
    assert comparison["mask_dice"] == pytest.approx((2 / 3 + 1) / 2)  # both empty does not count
    assert comparison["accuracy"] == {"run": 1.0, "export": pytest.approx(2 / 3)}
    assert comparison["dice_to_truth"] == {"run": 1.0, "export": pytest.approx(2 / 3)}


def test_every_bound_has_its_sentence():
    comparison = {
        "logits_difference": 0.02,
        "heatmap_difference": float("nan"),
        "class_agreement": 0.9,
        "mask_dice": 0.8,
        "dice_to_truth": {"run": 0.7, "export": 0.6},
        "graph_mask_dice": 0.5,
    }
    excesses = bound_excesses(comparison, Bounds(difference=0.01, graph_dice=0.99))
    assert len(excesses) == 6
    for line, words in zip(
        excesses, ("logits is 2.0e-02", "heatmap is nan", "90.0%", "masks is 0.800", "by 0.100", "0.5000"), strict=True
    ):
        assert words in line
    within = dict.fromkeys(("logits_difference", "heatmap_difference"), 0.0) | {
        "class_agreement": 1.0,
        "mask_dice": None,
    }
    assert bound_excesses(within, Bounds(difference=0.01)) == []


def test_the_comparison_in_words(saved_model):
    text = "\n".join(comparison_lines(saved_model[1]))
    assert "100.0% called alike" in text and "times the run's" in text and "accuracy: run" in text
