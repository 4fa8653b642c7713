import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from export.graph.distance import distance_to, signed_distance


@pytest.mark.parametrize("bound", [1, 2, 7, 60])
def test_distances_are_exact_up_to_the_bound(bound):
    masks = np.random.default_rng(1).random((4, 24, 37)) < np.array([0.005, 0.1, 0.5, 0.98])[:, None, None]
    inside, outside = (
        np.stack([np.minimum(ndimage.distance_transform_edt(mask), bound) for mask in kind]) for kind in (masks, ~masks)
    )
    np.testing.assert_allclose(signed_distance(tf.constant(masks), bound), inside - outside, rtol=1e-6)


def test_without_a_pixel_everything_is_as_far_as_the_bound():
    assert (distance_to(tf.zeros((1, 3, 70), tf.bool), 9).numpy() == 9.0).all()
    assert (distance_to(tf.ones((1, 3, 70), tf.bool), 9).numpy() == 0.0).all()
