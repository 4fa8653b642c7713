"""kgp.training.batch_statistics: what batch normalisation keeps is that of plain training slices."""

import keras
import numpy as np
import pytest

from kgp.data.cohort import read_image
from kgp.data.labels import choose_labels
from kgp.data.normalise import scale_intensities
from kgp.data.parts import parts_of
from kgp.data.split import split_cohort
from kgp.run_folder import build_network, build_run_network
from kgp.training.batch_statistics import plain_statistics
from kgp.training.loop import train
from kgp.training.presets import load_preset

CONFIG = load_preset("best", "unet").override(
    width=2, depth=2, epochs=1, batch_size=4, size=16, dropout=0.5, equivariance=0.0, batch_statistics="plain"
)


@pytest.fixture(scope="module")
def parts(tiny_cohort):
    labelled = choose_labels(tiny_cohort, ())
    split = split_cohort(labelled)
    return labelled, split, parts_of(labelled, split)["train"]


def first_layer(network, cohort, rows):
    """Mean and variance of the first convolution over all plain slices."""
    images = np.stack([scale_intensities(read_image(cohort, row), CONFIG.data.normalisation) for row in rows])
    filtered = keras.Model(network.input, network.get_layer("enc1_conv1").output).predict(images, verbose=0)
    return filtered.mean(axis=(0, 1, 2)), filtered.var(axis=(0, 1, 2))


def kept(network):
    layer = network.get_layer("enc1_conv1_norm")
    return layer.moving_mean.numpy(), layer.moving_variance.numpy()


def test_they_are_those_of_all_plain_training_slices(parts, tiny_cohort):
    labelled, _, part = parts
    network = build_network(CONFIG, tiny_cohort.shape, 2)
    before = [variable.numpy() for variable in network.trainable_variables]
    refresh = plain_statistics(network, CONFIG, labelled, part)
    refresh()
    np.testing.assert_allclose(kept(network), first_layer(network, tiny_cohort, part.rows), rtol=1e-3, atol=1e-4)
    after = [layer.moving_variance.numpy() for layer in network.layers if hasattr(layer, "moving_variance")]
    refresh()
    again = [layer.moving_variance.numpy() for layer in network.layers if hasattr(layer, "moving_variance")]
    assert len(after) == 6
    for one, other in zip(after, again, strict=True):  # no dropout, and nothing is left of the time before
        np.testing.assert_array_equal(one, other)
    for variable, value in zip(network.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_without_batch_normalisation_nothing_happens(parts, tiny_cohort):
    config = CONFIG.override(normalisation_layer="instance")
    network = build_network(config, tiny_cohort.shape, 2)
    before = network.get_weights()
    plain_statistics(network, config, parts[0], parts[2])()
    for one, other in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_keeps_them(parts, tiny_cohort, tmp_path):
    labelled, split, part = parts
    network = build_run_network(train(CONFIG, labelled, split, tmp_path / "run"))
    np.testing.assert_allclose(kept(network), first_layer(network, tiny_cohort, part.rows), rtol=1e-3, atol=1e-4)
