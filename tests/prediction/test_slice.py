import keras
import numpy as np
import pytest

from kgp.heatmap.reading import Reading
from kgp.prediction.slice import likeliest_tumour_class, predict_slices, softmax
from kgp.runtime.litert import LiteRT


def test_probabilities():
    logits = np.array([[0.0, np.log(3.0)], [1000.0, 0.0]])
    np.testing.assert_allclose(softmax(logits), [[0.25, 0.75], [1.0, 0.0]])
    np.testing.assert_allclose(softmax(logits[0]), keras.ops.convert_to_numpy(keras.ops.softmax(logits[0])), atol=1e-6)


@pytest.mark.parametrize(("no_tumour", "expected"), [(None, 0), (0, 2), (2, 0)])
def test_likeliest_tumour_class(no_tumour, expected):
    assert likeliest_tumour_class(np.array([3.0, 1.0, 2.0]), no_tumour) == expected


@pytest.fixture
def images():
    """A slice with a bright square, which is called a tumour, and a dark one."""
    images = np.full((2, 16, 16, 2), 100.0, np.float32)
    images[0, 3:8, 5:10, 1] = 200.0
    images[0, 4, 6, 1] = 300.0
    return images


def test_class_mask_and_map_follow_from_one_answer(bright_runtime, images):
    runtime = bright_runtime()
    tumour, free = predict_slices(runtime, images, runtime.description.readings["zero"])
    assert (tumour.predicted_class, tumour.tumour_class, tumour.reason) == (1, 1, None)
    assert tumour.mask.sum() == 25 and tumour.map[4, 6] == pytest.approx(1.5)
    assert (free.predicted_class, free.tumour_class, free.reason) == (0, 1, "no_tumour")
    assert not free.mask.any() and free.map[4, 6] == pytest.approx(-0.5)


def test_the_mask_of_a_tumour_whatever_was_predicted(bright_runtime, images):
    runtime = bright_runtime(threshold=4.0)
    (missed, _) = predict_slices(runtime, images, Reading(region="picture", rule="fixed", value=-2.5))
    assert missed.reason == "no_tumour" and not missed.mask.any()
    assert missed.tumour_mask().mask.sum() == 25 and missed.tumour_mask().reason is None


@pytest.mark.parametrize("views", [1, 8])
def test_evidence_adds_up_to_the_logit_of_the_slice_as_it_is(bright_runtime, images, views):
    runtime = bright_runtime(views=views)
    (tumour, _) = predict_slices(runtime, images, runtime.description.readings["zero"], with_evidence=True)
    evidence = tumour.evidence(1)
    assert evidence.logit == pytest.approx(1.5)
    assert [(point.row, point.column) for point in evidence.top(3)] == [(4, 6)]


def test_evidence_has_to_be_asked_for(bright_runtime, images):
    runtime = bright_runtime()
    (tumour, _) = predict_slices(runtime, images, runtime.description.readings["zero"])
    with pytest.raises(ValueError, match="predicted without evidence"):
        tumour.evidence(1)


def test_evidence_with_the_answer_costs_no_second_pass(litert_files, monkeypatch):
    runtime = LiteRT(litert_files("float32")[0])
    passes = []
    for name, runner in runtime._runners.items():
        monkeypatch.setitem(
            runtime._runners,
            name,
            lambda images, name=name, runner=runner: passes.append(name) or runner(images=images),
        )
    images = np.random.default_rng(4).uniform(0, 255, (2, 16, 16, 2)).astype(np.float32)
    predict_slices(runtime, images, runtime.description.readings["refined"], with_evidence=True)
    assert passes == ["explain", "explain"]
    predict_slices(runtime, images, runtime.description.readings["refined"])
    assert passes[2:] == ["serving_default", "serving_default"]
