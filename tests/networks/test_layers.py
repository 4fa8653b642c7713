import keras
import numpy as np
import pytest
from scipy import signal

from kgp.networks.layers import (
    GlobalPooling,
    InstanceNormalisation,
    PixelShuffle,
    PixelUnshuffle,
    ReflectPad,
    Resize,
    ScalarPReLU,
)


@pytest.mark.parametrize(("old", "new"), [((4, 5), (8, 10)), ((5, 6), (11, 9)), ((8, 7), (4, 3)), ((1, 6), (2, 6))])
def test_sinc_equals_scipy(old, new):
    image = np.random.default_rng(0).normal(size=(2, *old, 3)).astype(np.float32)
    expected = signal.resample(signal.resample(image, new[0], axis=1), new[1], axis=2)
    np.testing.assert_allclose(Resize(new)(image), expected, atol=1e-5)


def test_sinc_of_a_volume():
    volume = np.random.default_rng(1).normal(size=(1, 3, 4, 5, 2)).astype(np.float32)
    expected = volume
    for axis, size in ((1, 6), (2, 4), (3, 7)):
        expected = signal.resample(expected, size, axis=axis)
    np.testing.assert_allclose(Resize((6, 4, 7))(volume), expected, atol=1e-5)


def test_bilinear_has_half_pixel_centres():
    line = np.array([0.0, 4.0], np.float32).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(np.ravel(Resize((1, 4), "bilinear")(line)), [0, 1, 3, 4])


def test_scalar_prelu_starts_at_a_quarter():
    layer = ScalarPReLU()
    np.testing.assert_allclose(layer(np.array([[-4.0, 2.0]], np.float32)), [[-1.0, 2.0]])
    assert [tuple(weight.shape) for weight in layer.weights] == [(1,)]


def test_reflect_pad_does_not_repeat_the_edge():
    line = np.arange(3, dtype=np.float32).reshape(1, 1, 3, 1).repeat(3, axis=1)
    np.testing.assert_array_equal(np.asarray(ReflectPad(1)(line))[0, 0, :, 0], [1, 0, 1, 2, 1])


def test_pixel_shuffle_undoes_unshuffle_and_orders_by_parity():
    image = np.arange(32, dtype=np.float32).reshape(1, 4, 4, 2)
    small = np.asarray(PixelUnshuffle()(image))
    np.testing.assert_array_equal(small[0, 0, 0], [*image[0, 0, 0], *image[0, 0, 1], *image[0, 1, 0], *image[0, 1, 1]])
    np.testing.assert_array_equal(PixelShuffle()(small), image)


@pytest.mark.parametrize(
    ("pooling", "value", "expected"),
    [
        ("max", 0.0, 3.0),
        ("average", 0.0, 1.5),
        ("topfraction", 0.5, 2.5),
        ("lse", 2.0, np.log(np.mean(np.exp(2.0 * np.arange(4)))) / 2.0),
    ],
)
def test_pooling_by_hand(pooling, value, expected):
    image = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    assert float(np.ravel(GlobalPooling(pooling, value)(image))[0]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("layer", [Resize((3, 4), "bilinear"), ReflectPad(2), GlobalPooling("lse", 3.0)])
def test_configuration_round_trip(layer):
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config


def test_unknown_arguments():
    with pytest.raises(ValueError, match="method must be one of"):
        Resize((2, 2), "nearest")
    with pytest.raises(ValueError, match="pooling must be one of"):
        GlobalPooling("median")
    with pytest.raises(ValueError, match="share in"):
        GlobalPooling("topfraction", 2.0)


@pytest.mark.parametrize("shape", [(3, 6, 5, 4), (2, 4, 3, 5, 2)])
def test_instance_normalisation_is_group_normalisation_of_single_channels(shape):
    x = np.random.default_rng(0).normal(5.0, 2.0, shape).astype(np.float32)
    layer, reference = InstanceNormalisation(), keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)
    layer.build(shape), reference.build(shape)
    weights = [np.linspace(1, 2, shape[-1]), np.linspace(-1, 1, shape[-1])]
    layer.set_weights(weights), reference.set_weights(weights)
    np.testing.assert_allclose(layer(x), reference(x), atol=2e-6)
    plain = keras.ops.convert_to_numpy(InstanceNormalisation(affine=False)(x))
    axes = tuple(range(1, len(shape) - 1))
    np.testing.assert_allclose(plain.mean(axes), 0, atol=1e-6)
    np.testing.assert_allclose(plain.var(axes), 1, atol=1e-4)
