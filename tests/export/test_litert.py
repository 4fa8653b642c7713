import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from export.litert import PRECISIONS, SIGNATURES, converted, export_litert
from kgp.errors import KgpError, UsageError
from kgp.run_folder import read_run
from kgp.runtime import load_runtime


@pytest.mark.parametrize("precision", PRECISIONS)
def test_files_answer_as_the_run_does(litert_files, precision):
    path, comparison = litert_files(precision)
    bound = {"float32": 1e-4, "float16": 1e-2}.get(precision, np.inf)
    assert comparison["logits_difference"] <= bound and comparison["heatmap_difference"] <= bound
    assert comparison["class_agreement"] >= 0.99
    manifest = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert (manifest["kind"], manifest["precision"], manifest["comparison"]) == ("litert", precision, comparison)
    assert ("float_layers" in manifest) == (precision != "float32")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_inputs_and_outputs_are_named_static_and_float(litert_files, precision):
    interpreter = Interpreter(str(litert_files(precision)[0]))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["images"], "outputs": ["heatmap", "logits", "probabilities"]},
        "explain": {
            "inputs": ["images"],
            "outputs": ["constant", "contributions", "heatmap", "logits", "points", "probabilities"],
        },
    }
    runner = interpreter.get_signature_runner("serving_default")
    details = {**runner.get_input_details(), **runner.get_output_details()}
    for name, shape in {"images": (1, 16, 16, 2), "logits": (1, 2), "heatmap": (1, 16, 16, 2)}.items():
        assert tuple(details[name]["shape"]) == tuple(details[name]["shape_signature"]) == shape
        assert details[name]["dtype"] == np.float32


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_xnnpack_takes_the_network(litert_files, precision):
    """XNNPACK runs all but the normalisation's percentiles and the evidence.

    The operations it runs follow from the inputs and outputs of its parts.
    """
    interpreter = Interpreter(str(litert_files(precision)[0]))
    interpreter.allocate_tensors()
    operations = interpreter._get_ops_details()
    parts = [one for one in operations if one["op_name"] == "DELEGATE"]
    entering, leaving = ({int(tensor) for one in parts for tensor in one[side]} for side in ("inputs", "outputs"))
    taken, wanted = set(), set(leaving)
    for one in reversed(operations):  # in the order of the graph, the parts behind it
        outputs = {int(tensor) for tensor in one["outputs"]}
        if one["op_name"] != "DELEGATE" and outputs & wanted:
            taken.add(one["index"])
            wanted |= {int(tensor) for tensor in one["inputs"]} - entering
    left = {one["op_name"] for one in operations if one["index"] not in taken} - {"DELEGATE"}
    assert parts and not left & {"CONV_2D", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CONCATENATION", "FULLY_CONNECTED"}


def test_fewer_bits_make_a_smaller_file(litert_files):
    sizes = [litert_files(precision)[0].stat().st_size for precision in ("float32", "float16")]
    assert sizes[1] < sizes[0]


def test_an_existing_file_is_kept(tiny_run, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"mine")
    with pytest.raises(KgpError, match=r"model\.tflite exists already"):
        export_litert(tiny_run, path)
    assert path.read_bytes() == b"mine"


def test_an_export_that_is_not_equal_leaves_the_earlier_one(litert_files, tiny_run, tmp_path, monkeypatch):
    def unequal(*_):
        raise KgpError("the export is not equal")

    content = litert_files("float32")[0].read_bytes()
    monkeypatch.setattr("export.litert.converted", lambda *_: content)
    monkeypatch.setattr("export.litert.verify", unequal)
    path = tmp_path / "model.tflite"
    path.write_bytes(b"mine")
    with pytest.raises(KgpError, match="not equal"):
        export_litert(tiny_run, path, overwrite=True)
    assert path.read_bytes() == b"mine" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "precision"), [("model.bin", "float32"), ("model.tflite", "int4")])
def test_unknown_endings_and_precisions_are_refused(tiny_run, tmp_path, name, precision):
    with pytest.raises(UsageError, match=rf"not {name} in {precision}"):
        export_litert(tiny_run, tmp_path / name, precision=precision)


def test_the_runtime_answers_slice_by_slice(litert_files, tiny_run):
    images = np.random.default_rng(4).uniform(0, 255, (3, 16, 16, 2)).astype(np.float32)
    runtime, run = load_runtime(litert_files("float32")[0]), load_runtime(tiny_run)
    for actual, wanted in zip(runtime.predict(images), run.predict(images), strict=True):
        np.testing.assert_allclose(actual, wanted, atol=1e-4)


def test_an_operation_that_is_not_built_in_is_named_with_its_layer(tiny_run, monkeypatch):
    class Inverse(keras.layers.Layer):
        def call(self, images):
            return tf.linalg.inv(images[..., 0])

    image = keras.Input((16, 16, 2))
    network = keras.Model(image, Inverse(name="inverse")(image))
    signatures = dict.fromkeys(SIGNATURES, lambda images: {"logits": network(images)})
    monkeypatch.setattr("export.litert.network_signatures", lambda *_: signatures)
    with pytest.raises(KgpError, match=r"built-in operations: tf\.MatrixInverse in .*inverse"):
        converted(read_run(tiny_run), network, load_runtime(tiny_run).description)
