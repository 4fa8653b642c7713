import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kgp.evaluation.distance import distance_with_misses, hd95, head_diagonal

EMPTY = np.zeros((8, 8), bool)


def square(row: int, column: int, side: int, size: int = 8) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[row : row + side, column : column + side] = True
    return mask


def test_distance_follows_the_spacing_and_is_symmetric():
    first, second = square(0, 0, 1), square(3, 4, 1)
    assert hd95(first, second) == 5.0
    assert hd95(first, second, (2.0, 0.5)) == pytest.approx(np.hypot(6.0, 2.0))
    big, small = square(0, 0, 8), square(3, 3, 1)
    assert hd95(big, small) == hd95(small, big) > 4.0


def test_distance_is_measured_between_outlines():
    solid, ring = square(4, 4, 24, 32), square(4, 4, 24, 32)
    ring[5:27, 5:27] = False
    assert hd95(solid, ring) == pytest.approx(1.0, abs=1.0)


def outline_points(mask):
    """Pixels with a neighbour over an edge or face that does not belong to the mask, found one by one."""
    padded = np.pad(mask, 1)
    points = []
    for point in np.argwhere(padded):
        steps = [step for axis in range(mask.ndim) for step in (np.eye(mask.ndim, dtype=int)[axis],)]
        neighbours = [tuple(point + sign * step) for step in steps for sign in (-1, 1)]
        if not all(padded[neighbour] for neighbour in neighbours):
            points.append(point - 1)
    return np.array(points)


@pytest.mark.parametrize(("shape", "spacing"), [((9, 11), (0.8, 1.5)), ((5, 6, 7), (3.0, 0.9, 1.1)), ((7, 7), None)])
def test_equals_the_distances_of_all_pairs_of_outline_points(shape, spacing):
    rng = np.random.default_rng(0)
    for _ in range(5):
        mask, truth = rng.random(shape) < 0.5, rng.random(shape) < 0.3
        scale = np.ones(len(shape)) if spacing is None else np.array(spacing)
        pairs = cdist(outline_points(mask) * scale, outline_points(truth) * scale)
        expected = max(np.percentile(pairs.min(axis=1), 95), np.percentile(pairs.min(axis=0), 95))
        assert hd95(mask, truth, spacing) == pytest.approx(expected)


def test_a_miss_a_spurious_mask_and_a_distance_beyond_count_with_the_diagonal():
    truth = square(0, 0, 2)
    assert distance_with_misses(EMPTY, truth, None, 5.0) == 5.0
    assert distance_with_misses(truth, EMPTY, None, 5.0) == 5.0
    assert distance_with_misses(truth, truth, 0.0, 5.0) == 0.0
    assert distance_with_misses(square(6, 6, 1), truth, 7.0, 5.0) == 5.0
    assert distance_with_misses(EMPTY, EMPTY, None, 5.0) is None


def test_the_diagonal_is_that_of_the_head_in_millimetres_or_pixels():
    image = np.zeros((16, 16, 1))
    image[3:6, 4:8] = 100.0
    assert head_diagonal(image) == 5.0
    assert head_diagonal(image, (2.0, 0.5)) == pytest.approx(np.hypot(6.0, 2.0))
    assert head_diagonal(np.zeros((6, 8, 1))) == 10.0  # no head is seen
