"""kgp.networks.gp_model: a plain functional model whose `compile` tells how its loss is given."""

import copy
import warnings

import keras
import numpy as np
import pytest

import kgp
from kgp.architectures import ARCHITECTURES
from kgp.networks import build_network
from kgp.networks.gp_head import gp_head
from kgp.training.losses import WeightedCrossEntropy

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(6, 16, 16, 2)).astype(np.float32)
CLASSES = np.arange(6) % 3
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
LOSS = keras.losses.CategoricalCrossentropy(from_logits=True)


def small():
    return kgp.networks.gp_unet((16, 16, 2), classes=3, width=2, depth=2, dropout=0.0)


@pytest.mark.parametrize(
    ("loss", "shown"),
    [
        ("categorical_crossentropy", "'categorical_crossentropy'"),
        (LOSS, "CategoricalCrossentropy"),
        (keras.losses.categorical_crossentropy, "categorical_crossentropy"),
        ([None, LOSS], "list"),
        ({"head": LOSS}, "a loss of 'head'"),
        ({"output_1": LOSS, "logits": LOSS}, "a loss of 'output_1', 'logits'"),
    ],
)
@pytest.mark.parametrize("arch", ["unet", "shuffleunet", "reconresnet"])
def test_a_loss_that_names_no_output_is_answered_with_the_form_that_works(arch, loss, shown):
    network = build_network(arch, (16, 16, 2), 3, width=2, depth=1)
    for give in (lambda: network.compile("adam", loss), lambda: network.compile(optimizer="adam", loss=loss)):
        with pytest.raises(
            ValueError, match=r'is given by name, compile\(optimizer, loss={"logits": loss}\), not '
        ) as error:
            give()
        assert f"not {shown}; or compile keras.Model(network.input, network.output" in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("labels", [ONE_HOT, {"logits": ONE_HOT}])
def test_the_forms_that_work(labels):
    network = small()
    network.compile("adam", loss={"logits": LOSS})
    network.fit(IMAGES, labels, batch_size=3, verbose=0)
    network.compile(keras.optimizers.SGD(0.1), {"logits": LOSS, "heatmap": None}, None, run_eagerly=True)
    assert np.isfinite(network.evaluate(IMAGES, labels, verbose=0))
    network.compile()
    assert set(network.predict(IMAGES, verbose=0)) == {"logits", "heatmap"}


@pytest.mark.parametrize(
    ("loss", "warned"),
    [
        ("categorical_crossentropy", True),
        ("sparse_categorical_crossentropy", True),
        (keras.losses.binary_crossentropy, True),
        (keras.losses.CategoricalFocalCrossentropy(), True),
        (LOSS, False),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), False),
        (WeightedCrossEntropy([1.0, 1.0, 1.0]), False),
        (keras.losses.CategoricalHinge(), False),
        ("mse", False),
        (lambda truth, logits: keras.ops.mean(logits, axis=-1), False),
    ],
)
def test_a_loss_of_probabilities_is_warned_of(loss, warned):
    network = small()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network.compile("adam", loss={"logits": loss})
    texts = [str(warning.message) for warning in caught]
    assert any("takes probabilities where gp_unet puts out raw logits" in text for text in texts) == warned


def test_one_output_takes_class_weights_and_metrics():
    """Keras refuses class_weight for several outputs; this has one, and the same weights."""
    network = small()
    classifier = keras.Model(network.input, network.output["logits"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    logits = network.predict(IMAGES, verbose=0)["logits"].astype(np.float64)
    each = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(6), CLASSES]
    weights = {0: 1.0, 1: 2.0, 2: 5.0}
    history = classifier.fit(IMAGES, CLASSES, class_weight=weights, batch_size=6, verbose=0).history
    assert history["loss"][0] == pytest.approx(np.mean(each * [weights[label] for label in CLASSES]), rel=1e-4)
    assert classifier.weights[0] is network.weights[0]


def test_class_weights_with_both_outputs_go_into_the_loss():
    network = small()
    network.compile(keras.optimizers.SGD(0.0), loss={"logits": WeightedCrossEntropy([1.0, 2.0, 5.0])})
    logits = network.predict(IMAGES, verbose=0)["logits"].astype(np.float64)
    each = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(6), CLASSES]
    weights = np.array([1.0, 2.0, 5.0])[CLASSES]
    loss = network.fit(IMAGES, {"logits": ONE_HOT}, batch_size=6, verbose=0).history["loss"][0]
    assert loss == pytest.approx(np.sum(weights * each) / np.sum(weights), rel=1e-4)


def test_a_compiled_network_is_saved_loaded_cloned_and_exported_as_any_functional_model(tmp_path):
    network = small()
    assert type(network) is type(keras.Model(network.input, network.output))
    network.compile("adam", loss={"logits": LOSS})
    network.fit(IMAGES, ONE_HOT, verbose=0)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in network.layers]
    expected = network.predict(IMAGES, verbose=0)
    for other in (loaded, copy.deepcopy(network)):
        np.testing.assert_allclose(other.predict(IMAGES, verbose=0)["heatmap"], expected["heatmap"], atol=1e-6)
    for ours, theirs in zip(network.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    loaded.fit(IMAGES, ONE_HOT, verbose=0)
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    np.testing.assert_allclose(clone.predict(IMAGES, verbose=0)["logits"], expected["logits"], atol=1e-6)
    network.export(tmp_path / "exported", verbose=False)


@pytest.fixture
def registered():
    yield lambda build: kgp.register_architecture("own", build)
    ARCHITECTURES.pop("own", None)


def own(shape, classes, outputs):
    image = keras.Input(shape)
    return keras.Model(image, outputs(image, classes))


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda image, classes: keras.layers.Dense(classes)(image), "a dict of outputs, .* not one with KerasTensor"),
        (lambda image, classes: [image, image], "a dict of outputs, .* not one with list"),
        (
            lambda image, classes: {"logits": image},
            r"the output logits of shape \(3,\) for each slice, not \(16, 16, 2\)",
        ),
        (
            lambda image, classes: {**gp_head(image, classes - 1)},
            r"the output logits of shape \(3,\) for each slice, not \(2,\)",
        ),
        (
            lambda image, classes: gp_head(keras.layers.AveragePooling2D(2)(image), classes),
            r"the output heatmap of shape \(16, 16, 3\) for each slice, not \(8, 8, 3\)",
        ),
        (
            lambda image, classes: {"logits": gp_head(image, classes)["logits"]},
            "the output heatmap of shape .* not None",
        ),
        (
            lambda image, classes: {
                "logits": keras.layers.GlobalMaxPooling2D()(keras.layers.Dense(classes)(image)),
                "heatmap": keras.layers.Dense(classes)(image),
            },
            "the layer features, which kgp.networks.gp_head.gp_head makes, but there is none",
        ),
    ],
)
def test_an_architecture_that_builds_no_gp_network(registered, outputs, message):
    registered(lambda shape, classes, **options: own(shape, classes, outputs))
    with pytest.raises(ValueError, match=f"The architecture 'own' must build a functional keras.Model with {message}"):
        build_network("own", (16, 16, 2), 3)


def test_an_architecture_that_builds_no_model(registered):
    registered(lambda shape, classes, **options: None)
    with pytest.raises(ValueError, match="not NoneType"):
        build_network("own", (16, 16, 2), 3)
    with pytest.raises(ValueError, match="registered with the function that builds it, not 'plain'"):
        kgp.register_architecture("own", "plain")


def test_an_own_network_gives_the_hint_too(registered):
    registered(lambda shape, classes, **options: own(shape, classes, gp_head))
    network = build_network("own", (16, 16, 2), 3)
    with pytest.raises(ValueError, match="is given by name"):
        network.compile("adam", LOSS)
