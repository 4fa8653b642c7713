import numpy as np
import pytest
from scipy import ndimage

from export.graph.reading import clean_up
from export.graph.refinement import refined
from kgp.heatmap import refinement
from kgp.heatmap.reading import CLEANUP


@pytest.mark.parametrize(("height", "width", "channels"), [(48, 48, 4), (33, 60, 1), (24, 24, 3)])
def test_masks_are_those_of_numpy(height, width, channels):
    random = np.random.default_rng(3)
    smooth = ndimage.gaussian_filter(random.normal(size=(6, height, width)), (0, 3, 3))
    masks = smooth > np.array([0.05, 0.1, 0.15, 0.0, 9.0, -9.0])[:, None, None]  # the last two: nothing, everything
    contrasts = np.roll(smooth, 2, axis=1)[..., None] * random.normal(0.0, 9.0, channels) + random.normal(
        0.0, 0.3, (6, height, width, channels)
    )
    contrasts, region = contrasts.astype(np.float32), np.ones((6, height, width), bool)
    region[:, :4] = False
    masks &= region
    wanted = np.stack(
        [
            refinement.refined(*slice_, 2, CLEANUP)
            for slice_ in zip(masks, np.moveaxis(contrasts, -1, 1), region, strict=True)
        ]
    )
    found = refined(masks, contrasts, region, 2, lambda masks: clean_up(masks, CLEANUP)).numpy()
    assert (wanted != masks).any(axis=(1, 2)).sum() >= 3 and not found[4].any()
    assert (found != wanted).mean() < 1e-3
