import keras
import numpy as np
import pytest

from kgp.errors import UsageError
from kgp.training.equivariance import QuarterTurn, training_losses, training_model
from kgp.training.loop import compiled_model
from kgp.training.losses import WeightedCrossEntropy
from kgp.training.presets import load_preset


def network(size=(8, 8)):
    image = keras.Input((*size, 1), name="image")
    heatmap = keras.layers.Conv2D(2, 3, padding="same", name="head")(image)
    logits = keras.layers.GlobalMaxPooling2D()(heatmap)
    return keras.Model(image, {"logits": logits, "heatmap": heatmap})


def test_quarter_turn_is_numpys():
    images = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(QuarterTurn(1)(images), np.rot90(images, axes=(1, 2)))
    np.testing.assert_array_equal(QuarterTurn(-1)(QuarterTurn(1)(images)), images)


def test_difference_is_the_mean_squared_difference_by_hand():
    keras.utils.set_random_seed(0)
    net = network()
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype(np.float32)
    model = training_model(net, 0.3)
    out = model(images, training=True)
    heatmap = np.asarray(net(images)["heatmap"])
    turned = np.asarray(net(np.rot90(images, axes=(1, 2)).copy())["heatmap"])
    expected = 0.3 * np.mean((heatmap - np.rot90(turned, -1, axes=(1, 2))) ** 2, axis=(1, 2, 3))
    assert set(out) == {"logits", "logits_turned", "heatmap_difference"}
    np.testing.assert_allclose(out["heatmap_difference"], expected, rtol=1e-5)
    loss = training_losses(model, keras.losses.CategoricalCrossentropy())["heatmap_difference"]
    assert float(loss(np.zeros(2), out["heatmap_difference"])) == pytest.approx(expected.mean(), rel=1e-5)


def test_without_the_term_only_the_logits_are_trained():
    model = training_model(network(), 0.0)
    assert list(model.output) == ["logits"]


def test_rectangular_slices_are_refused():
    with pytest.raises(UsageError, match="square slices, not 8x6"):
        training_model(network((8, 6)), 0.3)


def test_class_weights_count_in_every_output_that_is_classified():
    """Keras takes no class_weight for several outputs; here the loss carries them."""
    weights, targets = [0.5, 3.0], np.array([0, 1, 1, 0])
    config = load_preset("demo", "unet").override(equivariance=0.3, learning_rate=0.0, batch_size=4)
    model = compiled_model(network(), config, weights, 1)
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype(np.float32)
    out = {name: np.asarray(value, np.float64) for name, value in model(images, training=True).items()}
    expected = out["heatmap_difference"].mean()
    for name in ("logits", "logits_turned"):
        each = np.log(np.exp(out[name]).sum(axis=1)) - out[name][np.arange(4), targets]
        expected += np.sum(np.take(weights, targets) * each) / np.take(weights, targets).sum()
    labels = dict.fromkeys(model.output, np.eye(2, dtype=np.float32)[targets])
    loss = model.fit(images, labels, batch_size=4, verbose=0).history["loss"][0]
    assert loss == pytest.approx(expected, rel=1e-5)
    assert isinstance(model.loss["logits_turned"], WeightedCrossEntropy)
