import numpy as np
import pytest

from kgp.heatmap.views import average_views


def pointwise(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A network without a direction: the heatmap is twice the image, the logit its maximum."""
    heatmap = 2.0 * images
    return heatmap.max(axis=(1, 2)), heatmap


@pytest.mark.parametrize(("shape", "views"), [((2, 6, 6, 3), 8), ((2, 4, 6, 3), 4)])
def test_maps_are_turned_back_and_each_view_is_asked_once(shape, views):
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    seen = []

    def predict(batch):
        assert batch.shape == shape
        seen.append(batch.tobytes())
        return pointwise(batch)

    logits, heatmap = average_views(predict, images)
    np.testing.assert_allclose(heatmap, 2.0 * images, rtol=1e-6)
    np.testing.assert_allclose(logits, 2.0 * images.max(axis=(1, 2)), rtol=1e-6)
    assert len(seen) == len(set(seen)) == views


def test_pattern_that_turns_with_the_network_is_averaged_out():
    pattern = np.zeros((1, 4, 4, 1), np.float32)
    pattern[0, 0, 1, 0] = 8.0

    def predict(batch):
        return np.arange(1.0)[None], batch + pattern

    _, heatmap = average_views(predict, np.zeros((1, 4, 4, 1), np.float32))
    expected = np.ones((4, 4), np.float32)
    expected[1:3, 1:3] = 0.0
    expected[[0, 0, -1, -1], [0, -1, 0, -1]] = 0.0
    np.testing.assert_array_equal(heatmap[0, ..., 0], expected)


def test_average_turns_with_the_image():
    weights = np.random.default_rng(1).normal(size=(1, 5, 5, 1))
    images = np.random.default_rng(2).normal(size=(1, 5, 5, 1))

    def predict(batch):
        return (batch * weights).sum(axis=(1, 2)), batch * weights

    logits, heatmap = average_views(predict, images)
    turned_logits, turned = average_views(predict, np.rot90(images, axes=(1, 2)))
    np.testing.assert_allclose(turned, np.rot90(heatmap, axes=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(turned_logits, logits, atol=1e-6)
