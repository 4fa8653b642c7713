"""Normalisation against a plain NumPy computation, alone and inside tf.data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgp.config import NORMALISATIONS
from kgp.data.normalise import scale_intensities

TOLERANCE = 2e-5  # float32 sums in another order
each_method = pytest.mark.parametrize("method", NORMALISATIONS)


def head_picture(seed=0, height=20, width=24, contrasts=3):
    """A bright ellipse with texture on dark, noisy air; each contrast of another scale."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    inside = ((rows - height / 2) / (0.4 * height)) ** 2 + ((columns - width / 2) / (0.4 * width)) ** 2 < 1
    picture = rng.uniform(0, 3, (height, width, contrasts)) + inside[..., None] * rng.uniform(
        40, 250, (height, width, contrasts)
    )
    return (picture * np.arange(1, contrasts + 1)).astype(np.float32)


def plain(image, method):
    """The definitions, in float64 and contrast by contrast."""
    image = image.astype(np.float64)
    if method == "slice_maximum":
        return image / image.max()
    results = []
    for channel in range(image.shape[-1]):
        values = image[..., channel]
        if method == "channel_maximum":
            values = values / values.max()
        elif method == "zscore":
            values = (values - values.mean()) / values.std()
        elif method == "percentile":
            low, high = np.percentile(values, (1, 99))
            values = np.clip((values - low) / (high - low), 0, 1)
        elif method == "head_zscore":
            low, high = np.percentile(values, (5, 99))
            head = values - low > max(0.03 * (values.max() - low), 0.15 * (high - low))
            scored = (values - values[head].mean()) / values[head].std()
            values = np.where(head, np.clip(scored, -4, 5), -3)
        results.append(values)
    return np.stack(results, axis=-1)


@each_method
def test_equals_the_plain_computation(method):
    image = head_picture()
    np.testing.assert_allclose(scale_intensities(image, method), plain(image, method), atol=TOLERANCE)


@each_method
def test_a_batch_is_normalised_slice_by_slice(method):
    batch = np.stack([head_picture(seed) for seed in range(3)])
    together = keras.ops.convert_to_numpy(scale_intensities(batch, method))
    for image, result in zip(batch, together, strict=True):
        np.testing.assert_allclose(result, scale_intensities(image, method), atol=1e-6)


@each_method
def test_is_the_same_inside_tf_data(method):
    batch = np.stack([head_picture(seed) for seed in range(3)])
    inside = list(tf.data.Dataset.from_tensor_slices(batch).map(lambda image: scale_intensities(image, method)))
    for image, result in zip(batch, inside, strict=True):
        np.testing.assert_allclose(result, scale_intensities(image, method), atol=1e-6)


@each_method
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_any_numeric_type_gives_float32(method, dtype):
    image = np.clip(head_picture(), 0, 255).astype(dtype)
    result = keras.ops.convert_to_numpy(scale_intensities(image, method))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, plain(image, method), atol=TOLERANCE)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("slice_maximum", 1.0),
        ("channel_maximum", 1.0),
        ("zscore", 0.0),
        ("percentile", 0.0),
        ("head_zscore", -3.0),
    ],
)
@pytest.mark.parametrize("value", [0.1, 7.0, 1000.1])
def test_a_constant_slice(method, expected, value):
    np.testing.assert_array_equal(scale_intensities(np.full((9, 11, 2), value, np.float32), method), expected)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("slice_maximum", 0.0),
        ("channel_maximum", 0.0),
        ("zscore", 0.0),
        ("percentile", 0.0),
        ("head_zscore", -3.0),
        ("none", 0.0),
    ],
)
@pytest.mark.parametrize("shape", [(8, 8, 1), (1, 1, 2), (1, 5, 3)])
def test_an_all_black_slice(method, expected, shape):
    np.testing.assert_array_equal(scale_intensities(np.zeros(shape, np.float32), method), expected)


@each_method
def test_one_black_contrast_leaves_the_others_alone(method):
    image = head_picture()
    image[..., 1] = 0.0
    result = keras.ops.convert_to_numpy(scale_intensities(image, method))
    assert np.isfinite(result).all()
    kept = image[..., [0, 2]]
    np.testing.assert_allclose(result[..., [0, 2]], plain(kept, method), atol=TOLERANCE)


def test_a_flat_head_is_0_on_air_of_minus_3():
    image = np.zeros((10, 10, 1), np.float32)
    image[3:7, 3:7] = 123.4
    result = keras.ops.convert_to_numpy(scale_intensities(image, "head_zscore"))[..., 0]
    np.testing.assert_allclose(result[3:7, 3:7], 0.0, atol=1e-4)
    result[3:7, 3:7] = -3.0
    np.testing.assert_array_equal(result, -3.0)


def test_head_zscore_is_clipped():
    image = head_picture(contrasts=1)
    image[10, 12] = 1000.0
    result = keras.ops.convert_to_numpy(scale_intensities(image, "head_zscore"))
    assert result.max() == 5.0 and result.min() >= -4.0


@pytest.mark.parametrize("method", ["zscore", "percentile", "head_zscore"])
def test_scale_and_offset_of_the_scanner_do_not_matter(method):
    image = head_picture()
    np.testing.assert_allclose(
        scale_intensities(1000.0 + 4.0 * image, method), scale_intensities(image, method), atol=1e-3
    )


def test_the_input_is_not_changed():
    image = head_picture()
    before = image.copy()
    scale_intensities(image, "head_zscore")
    np.testing.assert_array_equal(image, before)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="must be one of slice_maximum.*not 'minmax'"):
        scale_intensities(np.zeros((4, 4, 1)), "minmax")
