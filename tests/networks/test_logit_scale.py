import numpy as np
import pytest

from kgp.heatmap.evidence import evidence_of_map
from kgp.networks import build_network
from kgp.networks.logit_scale import LogitScale
from kgp.run_folder import read_run, write_run
from kgp.runtime.keras_run import KerasRun
from kgp.training.presets import load_preset


def test_scale_and_offset_by_hand():
    layer = LogitScale()
    logits = np.array([[1.0, -2.0], [0.5, 4.0]], np.float32)
    np.testing.assert_array_equal(layer(logits), logits)
    layer.set_weights([np.float32(2.0), np.array([10.0, -10.0])])
    np.testing.assert_allclose(layer(logits), [[12.0, -14.0], [11.0, -2.0]])


def test_a_network_of_its_own_parameters_alone_differs():
    options = {"input_shape": (16, 16, 2), "classes": 3, "width": 2, "depth": 2}
    plain, scaled = build_network("unet", **options), build_network("unet", **options, logit_scale=True)
    assert scaled.count_params() == plain.count_params() + 1 + 3
    scaled.set_weights([*plain.get_weights(), np.float32(3.0), np.ones(3)])
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 2)).astype(np.float32)
    np.testing.assert_allclose(scaled(image)["logits"], 3.0 * plain(image)["logits"] + 1.0, rtol=1e-5)
    np.testing.assert_array_equal(scaled(image)["heatmap"], plain(image)["heatmap"])


@pytest.fixture(scope="module")
def scaled_run(tmp_path_factory):
    config = load_preset("best", "unet").override(width=2, depth=2, stages=2, size=16)
    network = build_network(
        "unet",
        (16, 16, 2),
        2,
        width=2,
        depth=2,
        pooling="lse",
        head_order="project_then_pool",
        logit_scale=True,
        normalisation_layer="batch",
        upsampling="bilinear",
    )
    network.get_layer("logit_scale").set_weights([np.float32(1.7), np.array([0.3, -0.4])])
    folder = tmp_path_factory.mktemp("scaled") / "run"
    folder.mkdir()
    write_run(
        folder,
        config,
        network,
        class_names=("none", "tumour"),
        no_tumour_class=0,
        contrasts=("T1", "FLAIR"),
        shape=(16, 16, 2),
    )
    return read_run(folder).folder


def test_evidence_of_scaled_logits_is_exact(scaled_run):
    images = np.random.default_rng(1).integers(0, 255, (2, 16, 16, 2)).astype(np.float32)
    explanation = KerasRun(scaled_run).explain(images)
    for slice_number in range(2):
        for class_index in range(2):
            evidence = evidence_of_map(
                explanation.contributions[slice_number, ..., class_index],
                explanation.constants[slice_number, class_index],
            )
            assert evidence.logit == pytest.approx(explanation.logits[slice_number, class_index], abs=1e-5)


def test_evidence_of_an_export_is_that_of_the_run(scaled_run):
    import tensorflow as tf

    from export.signatures import network_signatures
    from kgp.run_folder import build_run_network

    run, runtime = read_run(scaled_run), KerasRun(scaled_run)
    images = np.random.default_rng(2).integers(0, 255, (1, 16, 16, 2)).astype(np.float32)
    answers = network_signatures(run, build_run_network(run), runtime.description)["explain"](tf.constant(images))
    expected = runtime.explain(images)
    np.testing.assert_allclose(answers["contributions"], expected.contributions, atol=1e-5)
    np.testing.assert_allclose(answers["constant"], expected.constants, atol=1e-5)
    np.testing.assert_allclose(answers["logits"], expected.logits, atol=1e-5)
