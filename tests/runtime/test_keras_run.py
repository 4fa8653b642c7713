import json
import shutil

import numpy as np
import pytest

from kgp.data.cohort import read_image
from kgp.errors import KgpError
from kgp.files import write_json
from kgp.heatmap.reading import HYSTERESIS, IMAGE_LEVEL, PAPER, REFINED
from kgp.run_folder import build_run_network, read_run, refresh_manifest
from kgp.runtime import load_runtime


@pytest.fixture(scope="module")
def runtime(tiny_run):
    return load_runtime(tiny_run)


@pytest.fixture
def run_copy(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


@pytest.fixture(scope="module")
def images(tiny_cohort):
    return np.stack([read_image(tiny_cohort, row) for row in tiny_cohort.rows])


def test_a_run_tells_what_it_takes(runtime):
    network = runtime.description
    assert network.class_names == ("no_tumour", "tumour")
    assert network.no_tumour_class == 0
    assert network.contrasts == ("T1", "FLAIR")
    assert network.size == 16
    assert network.readings == {"paper": PAPER, "image_level": IMAGE_LEVEL, "refined": REFINED}
    assert (network.default_reading, network.masks_used) == ("refined", ())


def test_batching_changes_nothing(runtime, images):
    logits, heatmaps = runtime.predict(images)
    assert logits.shape == (20, 2) and heatmaps.shape == (20, 16, 16, 2)
    for index in (0, 17):
        alone = runtime.predict(images[index : index + 1])
        np.testing.assert_allclose(alone[0][0], logits[index], atol=1e-5)
        np.testing.assert_allclose(alone[1][0], heatmaps[index], atol=1e-5)


def test_images_are_not_changed(runtime, images):
    before = images.copy()
    runtime.predict(images)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 20)])
def test_contributions_sum_to_the_logits(runtime, height, width):
    images = np.random.default_rng(2).uniform(0, 200, (3, height, width, 2)).astype(np.float32)
    logits, heatmaps = runtime.predict(images)
    explanation = runtime.explain(images)
    assert explanation.heatmaps.shape == explanation.contributions.shape == (3, height, width, 2)
    np.testing.assert_array_equal(explanation.logits, logits)
    np.testing.assert_array_equal(explanation.heatmaps, heatmaps)
    sums = explanation.contributions.sum(axis=(1, 2)) + explanation.constants
    np.testing.assert_allclose(sums, logits, atol=1e-4)  # float32 at 20


def test_networks_are_built_once_for_each_size(runtime, monkeypatch):
    runtime.predict(np.ones((1, 16, 16, 2), np.float32))
    monkeypatch.setattr("kgp.runtime.keras_run.build_run_network", lambda *_: pytest.fail("built again"))
    runtime.predict(np.ones((1, 16, 16, 2), np.float32))


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_slices_give_finite_answers(runtime, value):
    logits, heatmaps = runtime.predict(np.full((1, 16, 16, 2), value, np.float32))
    assert np.isfinite(logits).all() and np.isfinite(heatmaps).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.ones((1, 16, 16, 3), np.float32), r"takes slices with the 2 contrasts T1, FLAIR, not .*\(1, 16, 16, 3\)"),
        (np.ones((16, 16, 2), np.float32), r"takes slices with the 2 contrasts T1, FLAIR, not .*\(16, 16, 2\)"),
        (np.full((1, 16, 16, 2), np.nan, np.float32), "not finite"),
        (np.ones((1, 1, 1, 2), np.float32), "at least 2x2 pixels, not 1x1"),
    ],
)
def test_images_that_do_not_fit(runtime, images, message):
    with pytest.raises(KgpError, match=message):
        runtime.predict(images)


def test_nan_and_channels_are_refused_for_evidence_too(runtime):
    with pytest.raises(KgpError, match="not finite"):
        runtime.explain(np.full((1, 16, 16, 2), np.inf, np.float32))


def test_a_size_between_steps_offers_the_next(run_copy):
    config = json.loads((run_copy / "config.json").read_text())
    config["network"] |= {"arch": "shuffleunet", "upsampling": "sinc"}
    write_json(run_copy / "config.json", config)
    refresh_manifest(run_copy)
    with pytest.raises(KgpError, match="not 15x15.*16x16"):
        load_runtime(run_copy).predict(np.ones((1, 15, 15, 2), np.float32))


def test_calibrated_readings_are_used(run_copy):
    readings = {"paper": {**PAPER.to_dict(), "offset": 0.5}, "best": HYSTERESIS.to_dict()}
    content = {"default": "paper", "readings": readings, "masks_used": {"paper": True, "best": False}}
    write_json(run_copy / "calibration.json", content)
    runtime = load_runtime(run_copy)
    assert runtime.description.readings["paper"].offset == 0.5
    assert (runtime.description.default_reading, runtime.description.masks_used) == ("paper", ("paper",))


@pytest.mark.parametrize("content", ["[]", "{}", '{"readings": {"best": {"map": "other"}}}', '{"readings": {"a": 1}}'])
def test_damaged_calibration(run_copy, content):
    (run_copy / "calibration.json").write_text(content)
    with pytest.raises(KgpError):
        load_runtime(run_copy)


def test_folders_that_are_no_run(tmp_path, run_copy):
    with pytest.raises(KgpError, match="no such folder"):
        load_runtime(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(KgpError, match="it has no manifest.json"):
        load_runtime(tmp_path / "empty")
    content = (run_copy / "model.weights.h5").read_bytes()
    (run_copy / "model.weights.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(KgpError, match="changed or cut short"):
        load_runtime(run_copy)


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_network(run_copy):
    config = json.loads((run_copy / "config.json").read_text())
    config["network"]["width"] = 4
    write_json(run_copy / "config.json", config)
    refresh_manifest(run_copy)
    with pytest.raises(KgpError, match="does not fit the network in config.json"):
        load_runtime(run_copy).predict(np.ones((1, 16, 16, 2), np.float32))


def test_diverged_network(runtime, monkeypatch):
    network = runtime._network(16, 16)
    nowhere = {"logits": np.full((1, 2), np.nan), "heatmap": np.zeros((1, 16, 16, 2))}
    monkeypatch.setattr(network, "predict_on_batch", lambda _: nowhere)
    with pytest.raises(KgpError, match="its training diverged"):
        runtime.predict(np.ones((1, 16, 16, 2), np.float32))


@pytest.mark.parametrize("ask", ["predict", "explain"])
def test_an_empty_batch_and_lists_are_answered_with_a_sentence(tiny_run, ask):
    runtime = load_runtime(tiny_run)
    for images, message in (
        (np.ones((0, 16, 16, 2)), "a batch with images, is expected, not an array of shape .0, 16, 16, 2."),
        ([], "not an array of shape .0,."),
        ([np.ones((16, 16, 2)), np.ones((8, 8, 2))], "images of one size, not of .16, 16, 2. and .8, 8, 2."),
    ):
        with pytest.raises(KgpError, match=message):
            getattr(runtime, ask)(images)


@pytest.mark.parametrize("saved_by_keras", [False, True])
def test_grad_cam_on_a_loaded_network(tiny_run, images, tmp_path, saved_by_keras):
    """All layers of a loaded network can be reached, and gradients flow to them.

    Max pooling hands the whole gradient of a channel to its highest position, so over all positions
    it adds up to the weights of the head.
    """
    import keras
    import tensorflow as tf

    network = build_run_network(read_run(tiny_run))
    if saved_by_keras:
        network.save(tmp_path / "network.keras")
        network = keras.saving.load_model(tmp_path / "network.keras")
    inner = keras.Model(network.input, [network.get_layer("features").output, network.output["logits"]])
    with tf.GradientTape() as tape:
        features, logits = inner(images[:3])
        tape.watch(features)
        # From the watched map on, as Grad-CAM asks for it.
        pooled = network.get_layer("head")(network.get_layer("pool")(features))
        score = tf.reduce_sum(pooled[..., 1])
    gradient = tape.gradient(score, features).numpy()
    kernel, _ = network.get_layer("head").get_weights()
    np.testing.assert_allclose(gradient.sum(axis=(1, 2)), np.tile(kernel[0, 0, :, 1], (3, 1)), atol=1e-6)
    assert logits.shape == (3, 2)
    with tf.GradientTape() as tape:
        features, logits = inner(images[:3])
        score = tf.reduce_sum(logits[:, 1])
    np.testing.assert_allclose(tape.gradient(score, features), gradient, atol=1e-6)
