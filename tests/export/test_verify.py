import dataclasses

import numpy as np
import pytest

from export.samples import Samples, run_samples
from export.verify import BOUNDS, Bounds, broken_bounds, compare, comparison_lines, verify
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.heatmap.reading import BEST
from kgp.prediction.slice import SlicePrediction
from kgp.run_folder import read_run
from kgp.runtime import load_runtime
from kgp.runtime.keras_run import KerasRun


def predictions(masks, logits):
    zeros = np.zeros((2, 2, 2), np.float32)
    return [
        SlicePrediction(zeros, np.array(logit, np.float32), zeros, BEST, 0, mask_of(mask), None, zeros[..., 0])
        for mask, logit in zip(masks, logits, strict=True)
    ]


def mask_of(pixels):
    return np.array(pixels, bool).reshape(2, 2)


def verified(run, export):
    """The comparison of what lies in two places."""
    reference = KerasRun(run)
    return verify(reference, load_runtime(export), run_samples(reference.run, "validation"))


def samples(truth, targets):
    masks = [None if mask is None else mask_of(mask) for mask in truth]
    return Samples("drawn slices", np.zeros((len(truth), 2, 2, 1), np.float32), masks, targets)


def test_differences_are_counted():
    run = predictions([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], [[0, 4], [2, 0], [0, 1]])
    export = predictions([[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], [[0, 4], [0, 2], [0, 1]])
    found = compare(run, export, samples([[1, 1, 0, 0], None, None], (1, 0, 1)))
    assert found["logits_difference"] == pytest.approx(0.5)
    assert found["heatmap_difference"] == 0.0
    assert found["class_agreement"] == pytest.approx(2 / 3)
    assert found["mask_dice"] == pytest.approx((2 / 3 + 1) / 2)  # both empty does not count
    assert found["accuracy"] == {"run": 1.0, "export": pytest.approx(2 / 3)}
    assert found["dice_to_truth"] == {"run": 1.0, "export": pytest.approx(2 / 3)}


def test_every_bound_has_its_sentence():
    found = {
        "logits_difference": 0.02,
        "heatmap_difference": float("nan"),
        "class_agreement": 0.9,
        "mask_dice": 0.8,
        "dice_to_truth": {"run": 0.7, "export": 0.6},
        "graph_mask_dice": 0.5,
    }
    broken = broken_bounds(found, Bounds(difference=0.01, graph_dice=0.99))
    assert len(broken) == 6
    for line, words in zip(
        broken, ("logits is 2.0e-02", "heatmap is nan", "90.0%", "masks is 0.800", "by 0.100", "0.5000"), strict=True
    ):
        assert words in line
    good = dict.fromkeys(("logits_difference", "heatmap_difference"), 0.0) | {"class_agreement": 1.0, "mask_dice": None}
    assert broken_bounds(good, Bounds(difference=0.01)) == []


def test_samples_have_every_class(tiny_run):
    found = run_samples(read_run(tiny_run), "validation", count=4)
    assert set(found.targets) == {0, 1} and len(found.images) == len(found.masks) <= 4
    assert found.images.dtype == np.float32 and found.images.shape[1:] == (16, 16, 2)


def test_without_data_the_phantom_stands_in_and_that_is_said(tiny_run, caplog):
    found = run_samples(dataclasses.replace(read_run(tiny_run), data=""), "validation", count=3)
    assert found.source == "the phantom" and found.images.shape == (3, 16, 16, 2)
    assert found.targets is None and found.masks == [None] * 3
    assert np.ptp(found.images) > 10
    assert "phantom stand in for the validation part" in caplog.text and "was not trained here" in caplog.text


def test_an_export_of_another_run_is_refused(saved_model, tiny_run, tmp_path, monkeypatch):
    folder, _ = saved_model
    manifest = read_json(folder / "manifest.json")
    monkeypatch.setattr(
        "kgp.runtime.artifact.read_json",
        lambda path: {**manifest, "network": {**manifest["network"], "weights_sha256": "0" * 64}},
    )
    with pytest.raises(KgpError, match="was not exported from"):
        verified(tiny_run, folder)


def test_a_manifest_of_an_unknown_kind_is_refused(saved_model, tiny_run, monkeypatch):
    manifest = read_json(saved_model[0] / "manifest.json")
    monkeypatch.setattr("kgp.runtime.artifact.read_json", lambda path: {**manifest, "precision": "int4"})
    with pytest.raises(KgpError, match=r"unknown kind of export \(savedmodel, int4\)"):
        verified(tiny_run, saved_model[0])


def test_a_run_is_no_export(tiny_run):
    with pytest.raises(KgpError, match="is not an export"):
        verified(tiny_run, tiny_run)


def test_an_export_beyond_its_bounds_fails_and_says_in_what(litert_files, tiny_run, monkeypatch):
    path, _ = litert_files("float16")
    monkeypatch.setitem(BOUNDS, ("litert", "float16"), Bounds(difference=1e-12))
    with pytest.raises(KgpError, match=r"not equal to .*: the largest difference of the logits is"):
        verified(tiny_run, path)


def test_the_comparison_in_words(saved_model):
    text = "\n".join(comparison_lines(saved_model[1]))
    assert "100.0% called alike" in text and "times the run's" in text and "accuracy: run" in text
