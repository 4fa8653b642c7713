import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kgp.networks import build_network

SIZES = {"unet": (13, 11), "shuffleunet": (16, 8), "reconresnet": (13, 11)}
SMALL = {"unet": {"width": 2}, "shuffleunet": {"width": 2}, "reconresnet": {"width": 2, "depth": 2, "dropout": 0.2}}


def small(arch, size=None, **options):
    return build_network(arch, (*(size or SIZES[arch]), 2), 3, **{**SMALL[arch], **options})


def images(arch, count=2):
    return np.random.default_rng(0).normal(size=(count, *SIZES[arch], 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("arch", "count"), [("unet", 1_740_675), ("shuffleunet", 26_371_587), ("reconresnet", 17_272_918)]
)
def test_parameters_at_the_papers_size(arch, count):
    model = build_network(arch, (240, 240, 4), 3)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_variables) == count


@pytest.mark.parametrize("arch", SIZES)
@pytest.mark.parametrize("order", ["pool_then_project", "project_then_pool"])
def test_logits_follow_from_the_maps_as_documented(arch, order):
    model = small(arch, head_order=order)
    outputs = model(images(arch))
    inner = keras.Model(model.input, model.get_layer("features").output)
    features = np.asarray(inner(images(arch)))
    kernel, bias = (np.asarray(weight) for weight in model.get_layer("head").weights)
    heatmap = features @ kernel[0, 0] + bias
    np.testing.assert_allclose(outputs["heatmap"], heatmap, atol=1e-5)
    pooled = features.max((1, 2)) @ kernel[0, 0] + bias if order == "pool_then_project" else heatmap.max((1, 2))
    np.testing.assert_allclose(outputs["logits"], pooled, atol=1e-5)


@pytest.mark.parametrize("arch", SIZES)
def test_batching_changes_nothing(arch):
    model, batch = small(arch), images(arch, 3)
    together = np.asarray(model(batch)["heatmap"])
    alone = np.concatenate([np.asarray(model(image[None])["heatmap"]) for image in batch])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("arch", SIZES)
def test_weights_do_not_depend_on_the_size(arch, tmp_path):
    small(arch).save_weights(tmp_path / "small.weights.h5")
    other = small(arch, size=(24, 32))
    other.load_weights(tmp_path / "small.weights.h5")
    assert other(np.zeros((1, 24, 32, 2), np.float32))["heatmap"].shape == (1, 24, 32, 3)


@pytest.mark.parametrize("upsampling", ["sinc", "bilinear", "transposed"])
@pytest.mark.parametrize("arch", ["unet", "reconresnet"])
def test_every_upsampling(arch, upsampling):
    outputs = small(arch, upsampling=upsampling, normalisation_layer="batch")(images(arch))
    assert outputs["heatmap"].shape == (2, 13, 11, 3)


@pytest.mark.parametrize("arch", SIZES)
def test_instance_normalisation_does_not_see_gain(arch):
    model = small(arch, normalisation_layer="instance", depth=1)
    inner = keras.Model(model.input, model.get_layer("features").output)
    batch = images(arch)
    np.testing.assert_allclose(inner(3 * batch), inner(batch), atol=1e-3)


@pytest.mark.parametrize("arch", SIZES)
def test_mixed_precision_ends_in_float32(arch):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small(arch)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {output.dtype for output in model.output.values()} == {"float32"}


@pytest.mark.parametrize(
    ("arch", "size", "message"),
    [
        ("unet", (3, 9), "at least 4x4 pixels, not 3x9"),
        ("shuffleunet", (60, 52), "the next that works is 64x56"),
        ("reconresnet", (4, 9), "at least 5x5 pixels, not 4x9"),
    ],
)
def test_sizes_that_do_not_fit(arch, size, message):
    with pytest.raises(ValueError, match=message):
        small(arch, size=size)


@pytest.mark.parametrize(
    ("arch", "options", "message"),
    [
        ("vnet", {}, "arch must be one of"),
        ("unet", {"dropout": 1.0}, "dropout is a probability"),
        ("unet", {"normalisation_layer": "layer"}, "normalisation_layer must be one of"),
        ("unet", {"upsampling": "cubic"}, "upsampling must be one of"),
        ("unet", {"head_order": "both"}, "head_order must be one of"),
        ("shuffleunet", {"upsampling": "bilinear"}, "does not"),
        ("reconresnet", {"normalisation_layer": "none"}, "does not train without normalisation"),
    ],
)
def test_arguments_that_do_not_fit(arch, options, message):
    with pytest.raises(ValueError, match=message):
        build_network(arch, (16, 16, 2), 3, **options)


_ON_JAX = """
import json, sys
import numpy as np
from kgp.networks import build_network
folder = sys.argv[1]
for arch, options in json.loads(sys.argv[2]).items():
    model = build_network(arch, (16, 16, 2), 3, **options)
    model.load_weights(f"{folder}/{arch}.weights.h5")
    outputs = model.predict_on_batch(np.load(f"{folder}/images.npy"))
    np.savez(f"{folder}/{arch}.npz", **outputs)
if "tensorflow" in sys.modules:
    sys.exit("TensorFlow was imported")
"""


def test_jax_gives_the_same_outputs_without_tensorflow(tmp_path, jax_environment):
    pytest.importorskip("jax")
    batch = np.random.default_rng(0).normal(size=(2, 16, 16, 2)).astype(np.float32)
    np.save(tmp_path / "images.npy", batch)
    shallow = {arch: {**SMALL[arch], "depth": 2} for arch in SIZES}
    models = {arch: build_network(arch, (16, 16, 2), 3, **options) for arch, options in shallow.items()}
    for arch, model in models.items():
        model.save_weights(tmp_path / f"{arch}.weights.h5")
    command = [sys.executable, "-c", _ON_JAX, str(tmp_path), json.dumps(shallow)]
    subprocess.run(command, check=True, timeout=300, env={**os.environ, **jax_environment})
    for arch, model in models.items():
        with np.load(tmp_path / f"{arch}.npz") as theirs:
            for name, ours in model(batch).items():
                np.testing.assert_allclose(np.asarray(ours), theirs[name], atol=2e-5)
