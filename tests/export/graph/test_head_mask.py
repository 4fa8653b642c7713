import numpy as np
import pytest

from export.graph.head_mask import head_mask
from kgp.heatmap.head_mask import head_mask as numpy_head_mask


def test_heads_are_those_of_numpy(slices):
    images, _ = slices
    wanted = np.stack([numpy_head_mask(image) for image in images])
    assert wanted.any(axis=(1, 2)).all()
    assert (head_mask(images).numpy() != wanted).mean() < 1e-4  # a percentile rounds differently in 32 bits


def test_a_contrast_with_bright_air_is_left_out(slices):
    images = slices[0][:3].copy()
    images[..., 2] = 5000.0 - images[..., 2]
    wanted = np.stack([numpy_head_mask(image) for image in images])
    assert (head_mask(images).numpy() != wanted).mean() < 1e-4


@pytest.mark.parametrize("value", [0.0, 9.0])
def test_a_slice_without_contrast_has_no_head(value):
    assert not head_mask(np.full((2, 16, 16, 3), value, np.float32)).numpy().any()
