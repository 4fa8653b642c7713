import re
from pathlib import Path

import pytest

from kgp.evaluation.definitions import CLASSIFICATION, SEGMENTATION, grid_words, own_grid_words

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "concepts" / "metrics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("size", "end"),
    [
        (0, ", which is the grid of the data."),
        (64, ", to which the true masks were resized (--size 64), not on the grid of the data."),
        (None, "; whether the true masks were resized to it is not recorded."),
    ],
)
def test_the_grid_is_said(size, end):
    assert grid_words(64, 48, size) == f"Masks were judged on the slices as prepared, 64 x 48 pixels{end}"


def test_every_figure_of_metrics_json_has_its_place_on_the_page():
    names = [name for key in (CLASSIFICATION | SEGMENTATION) for name in re.split(", ", key)]
    assert not [name for name in names if f"`{name}`" not in PAGE]


@pytest.mark.parametrize(
    ("grids", "words"),
    [
        ([(64, 48), (64, 48)], "64 x 48 pixels; the network saw the slices at 32 x 32, and its maps were interpolated"),
        ([(64, 48), (200, 200)], "64 x 48 to 200 x 200 pixels; the network saw"),
        ([(32, 32)], "32 x 32 pixels, at which the network saw the slices."),
    ],
)
def test_the_own_grid_is_said(grids, words):
    assert own_grid_words(grids, (32, 32)).startswith(f"Masks were judged on the grid of the data, {words}")
