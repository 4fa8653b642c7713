"""Phantom slices, and drawn heatmaps: smooth noise with a bump at the tumour."""

import numpy as np
import pytest
from scipy import ndimage

from kgp.data.sources.phantom import PhantomSource


@pytest.fixture(scope="session")
def slices():
    """Raw slices float32 [16, 48, 48, 4] of two patients, one with a tumour, and their masks."""
    source = PhantomSource(patients=3, slices=8, size=48)
    drawn = [piece for case in source.cases()[1:] for piece in source.read(case)]
    return np.stack([piece.image for piece in drawn]).astype(np.float32), np.stack([piece.mask for piece in drawn])


@pytest.fixture(scope="session")
def answers(slices):
    """Heatmaps [16, 48, 48, 3] and logits [16, 3]; every class is predicted for some slice."""
    _, masks = slices
    rng = np.random.default_rng(7)
    heatmaps = ndimage.gaussian_filter(rng.normal(size=(16, 48, 48, 3)), (0, 2, 2, 0)) * 8.0
    heatmaps[..., 1] += 3.0 * ndimage.gaussian_filter(masks.astype(float), (0, 2, 2))
    return heatmaps.astype(np.float32), np.eye(3, dtype=np.float32)[np.arange(16) % 3]
