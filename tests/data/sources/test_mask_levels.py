"""kgp.data.sources.mask_levels: levels that stand out, and regions of their own."""

import numpy as np
import pytest

from kgp.data.sources.mask_levels import regions_between, share_between, upper_level

RAMP = np.linspace(0.01, 1.0, 200)


@pytest.mark.parametrize(
    ("others", "level"),
    [
        (np.full(9, 128.0), 128.0),
        (np.array([128.0] * 9 + [130.0, 126.0, 20.0, 60.0]), 128.0),
        (np.array([254.0] * 9 + [255.0]), 255.0),  # as nearly all masks have it
        (255 * RAMP, 255.0),
        (65535 * RAMP, 65535.0),
        (100 * RAMP, None),
        (np.array([3.0, 5.0, 90.0, 110.0, 131.0, 150.0]), 120.5),  # nothing lies near the cut
    ],
    ids=range(7),
)
def test_the_upper_level(others, level):
    assert upper_level(others, others.max()) == level


def test_the_share_between_two_levels():
    assert share_between(np.array([1.0, 5.0, 9.0, 10.0]), 10.0) == 0.25


@pytest.mark.parametrize("depth", [0, 5])
def test_regions_are_no_borders(depth):
    picture = np.zeros((12, 12))
    picture[2:8, 2:8] = 1.0
    picture[2:8, 2:5] = 0.5
    border = np.zeros((12, 12))
    border[2:8, 2:8] = 1.0
    border[2:8, 2] = 0.5
    regions, borders = picture, border
    if depth:
        regions, borders = (np.stack([values] * depth, axis=-1) for values in (picture, border))
    share, between = regions_between(regions, 1.0, 0.0)
    assert share >= 0.5 and between == 18 * max(depth, 1)
    assert regions_between(borders, 1.0, 0.0) == (0.0, 6 * max(depth, 1))


def test_a_slice_between_two_others_is_no_region():
    volume = np.zeros((9, 9, 5))
    volume[2:7, 2:7, 1:] = 1.0
    volume[2:7, 2:7, 0] = 0.5
    assert regions_between(volume, 1.0, 0.0) == (0.0, 25)


def test_values_of_a_region_may_differ_by_the_tolerance():
    noisy = 0.5 + 0.02 * np.random.default_rng(0).uniform(-1, 1, (9, 9))
    noisy[0, 0] = 1.0
    assert regions_between(noisy, 1.0, 0.0)[0] == 0.0
    assert regions_between(noisy, 1.0, 0.05)[0] > 0.7


def test_nothing_between_is_no_region():
    assert regions_between(np.eye(5), 1.0, 0.0) == (0.0, 0)
