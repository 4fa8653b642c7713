import numpy as np
import pytest

from export.graph.image_level import best_level
from kgp.heatmap import image_level


@pytest.mark.parametrize(("height", "width", "channels"), [(48, 48, 4), (30, 61, 1), (5, 3, 8)])
def test_levels_are_those_of_numpy(height, width, channels):
    random = np.random.default_rng(2)
    rows, columns = np.mgrid[:height, :width]
    maps, contrasts, regions = [], [], []
    for _ in range(6):
        away = np.hypot(rows - random.uniform(0, height), columns - random.uniform(0, width))
        maps.append(random.uniform(-1, 4) - away * random.uniform(0.1, 0.6))
        contrasts.append(
            (away < 9)[..., None] * random.normal(size=channels) + random.normal(size=(height, width, channels))
        )
        regions.append(np.hypot(rows - height / 2, columns - width / 2) < 0.45 * height)
    maps.append(np.full((height, width), -7.0))
    contrasts.append(np.zeros((height, width, channels)))
    regions.append(np.ones((height, width), bool))
    maps, contrasts = np.stack(maps).astype(np.float32), np.stack(contrasts).astype(np.float32)
    wanted = [
        image_level.best_level(*slice_) for slice_ in zip(maps, np.moveaxis(contrasts, -1, 1), regions, strict=True)
    ]
    levels, found = best_level(maps, contrasts, np.stack(regions))
    assert found.numpy().tolist() == [level is not None for level in wanted] and wanted[-1] is None
    assert levels.numpy()[found.numpy()].tolist() == [level for level in wanted if level is not None]
