import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from export.savedmodel import export_savedmodel, publish
from export.signatures import network_signatures
from export.warmup import BATCH_SIZES, SIGNATURES
from kgp.errors import KgpError, UsageError
from kgp.files import write_json
from kgp.heatmap.reading import HYSTERESIS
from kgp.heatmap.threshold import cut_mask
from kgp.run_folder import build_run_network, read_run, write_run
from kgp.runtime import load_runtime
from kgp.runtime.description import Description


@pytest.fixture(scope="module")
def loaded(saved_model):
    return tf.saved_model.load(str(saved_model[0]))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(4).uniform(0, 255, (5, 16, 16, 2)).astype(np.float32)


def with_bias(run_folder, bias, folder):
    """A copy of a run with another bias in its head."""
    run, network = read_run(run_folder), build_run_network(read_run(run_folder))
    kernel, _ = network.get_layer("head").get_weights()
    network.get_layer("head").set_weights([kernel, np.array([-bias, bias])])
    folder.mkdir()
    shutil.copy(run_folder / "split.csv", folder)
    facts = {name: getattr(run, name) for name in ("class_names", "no_tumour_class", "contrasts", "shape", "data")}
    write_run(folder, run.config, network, **facts)
    return folder


def test_the_first_version_is_complete(saved_model):
    folder, comparison = saved_model
    assert folder.name == "1"
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"saved_model.pb", "manifest.json", "README.md", "assets.extra/tf_serving_warmup_requests"} <= names
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["comparison"] == comparison
    assert set(manifest["files"]) == names - {"manifest.json", "README.md"}
    assert "Research use only" in (folder / "README.md").read_text()


def test_the_comparison_says_they_are_equal(saved_model):
    _, comparison = saved_model
    assert comparison["logits_difference"] <= 1e-5 and comparison["heatmap_difference"] <= 1e-5
    assert comparison["class_agreement"] == 1.0
    assert comparison["accuracy"]["run"] == comparison["accuracy"]["export"]
    assert comparison["milliseconds"]["export"] > 0 and comparison["peak_mib"]["run"] > 50


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_every_signature_has_named_outputs_and_a_free_batch(loaded, images, batch):
    expected = {
        "classify": {"logits": (batch, 2), "probabilities": (batch, 2)},
        "serving_default": {"logits": (batch, 2), "probabilities": (batch, 2), "heatmap": (batch, 16, 16, 2)},
        "segment": {"logits": (batch, 2), "probabilities": (batch, 2), "mask": (batch, 16, 16)},
        "explain": {
            "logits": (batch, 2),
            "probabilities": (batch, 2),
            "heatmap": (batch, 16, 16, 2),
            "contributions": (batch, 16, 16, 2),
            "constant": (batch, 2),
            "points": (batch, 2, 12, 3),
        },
    }
    assert set(loaded.signatures) == {*expected, "describe"}
    for name, shapes in expected.items():
        outputs = loaded.signatures[name](images=tf.constant(images[:batch]))
        assert {key: tuple(value.shape) for key, value in outputs.items()} == shapes


def test_masks_are_those_of_kgp_heatmap(loaded, images, tiny_run):
    runtime = load_runtime(tiny_run)
    logits, heatmaps = runtime.predict(images)
    masks = loaded.signatures["segment"](images=tf.constant(images))["mask"].numpy()
    reading = runtime.description.readings["refined"]
    for image, logit, heatmap, mask in zip(images, logits, heatmaps, masks, strict=True):
        wanted = cut_mask(heatmap, int(logit.argmax()), reading, image=image, no_tumour_class=0).mask
        np.testing.assert_array_equal(mask > 0, wanted)


def test_classify_has_no_work_for_the_heatmap(tiny_run):
    run = read_run(tiny_run)
    functions = network_signatures(run, build_run_network(run), load_runtime(tiny_run).description)
    images = tf.TensorSpec((None, 16, 16, 2))
    heads = {}
    for name in ("serving_default", "classify"):
        operations = tf.function(functions[name]).get_concrete_function(images).graph.get_operations()
        heads[name] = [one for one in operations if one.type == "Conv2D" and "head" in one.name]
    assert [len(operations) for operations in heads.values()] == [2, 1]  # one for the map, one for the logits


def test_contributions_and_constant_add_up_to_the_logits(loaded, images):
    outputs = loaded.signatures["explain"](images=tf.constant(images))
    total = tf.reduce_sum(outputs["contributions"], axis=[1, 2]) + outputs["constant"]
    np.testing.assert_allclose(total, outputs["logits"], atol=1e-4)


def test_it_tells_what_it_is_over_the_wire(loaded, tiny_run):
    texts = loaded.signatures["describe"](request=tf.constant([0, 0]))["description"].numpy()
    description = Description.from_json(texts[1].decode(), "the answer")
    assert description == load_runtime(tiny_run).description


def test_warm_up_holds_every_signature_and_batch_size(saved_model):
    records = tf.data.TFRecordDataset(str(saved_model[0] / "assets.extra" / "tf_serving_warmup_requests"))
    seen = set()
    for record in records:
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.name == "tiny"
        (tensor,) = request.inputs.values()
        seen.add((request.model_spec.signature_name, tf.make_ndarray(tensor).shape))
    slices = {(name, (batch, 16, 16, 2)) for name in SIGNATURES for batch in BATCH_SIZES if name != "describe"}
    assert seen == slices | {("describe", (batch,)) for batch in BATCH_SIZES}


def test_the_next_version_is_one_higher_and_may_send_heatmaps_in_16_bits(tiny_run, tmp_path, measured_once):
    (tmp_path / "tiny" / "7").mkdir(parents=True)
    run = with_bias(tiny_run, 0.5, tmp_path / "run")
    folder, comparison = export_savedmodel(run, tmp_path / "tiny", heatmap="float16")
    assert folder == tmp_path / "tiny" / "8"
    assert comparison["heatmap_difference"] < 1e-3
    outputs = tf.saved_model.load(str(folder)).signatures["serving_default"].structured_outputs
    assert outputs["heatmap"].dtype == tf.float16 and outputs["logits"].dtype == tf.float32


def test_an_export_that_took_the_number_meanwhile_is_kept(tmp_path, monkeypatch):
    models, built = tmp_path / "models", tmp_path / "built"
    (models / "3").mkdir(parents=True)
    built.mkdir()
    rename = os.rename

    def later(source, target):
        if target == models / "4" and not target.exists():
            target.mkdir()
            (target / "theirs").write_text("1")
        rename(source, target)

    monkeypatch.setattr("os.rename", later)
    assert publish(built, models) == models / "5"
    assert sorted(path.name for path in models.rglob("*")) == ["3", "4", "5", "theirs"]


def test_masks_that_16_bits_lose_are_noticed_and_nothing_is_left(tiny_run, tmp_path):
    """Near 20, the bias of the tiny run, 16 bits count in steps of 1/64; its map varies by less."""
    run = shutil.copytree(tiny_run, tmp_path / "run")
    reading = {"readings": {"hysteresis": HYSTERESIS.to_dict()}, "default": "hysteresis", "masks_used": {}}
    write_json(run / "calibration.json", reading)
    with pytest.raises(KgpError, match=r"not equal to .*: the median Dice between the masks is 0\.000"):
        export_savedmodel(run, tmp_path / "tiny", heatmap="float16")
    assert list(tmp_path.iterdir()) == [run]


def test_bad_places_are_refused(tiny_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        export_savedmodel(tiny_run, tmp_path / "file")
    with pytest.raises(UsageError, match="float32 or float16, not 'int8'"):
        export_savedmodel(tiny_run, tmp_path / "tiny", heatmap="int8")


def test_a_corrupt_run_is_refused(tiny_run, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    with open(run / "model.weights.h5", "r+b") as stream:
        stream.truncate(1000)
    with pytest.raises(KgpError, match=r"model\.weights\.h5 is not the file"):
        export_savedmodel(run, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()
