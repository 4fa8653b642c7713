import re
from pathlib import Path

import pytest

from kgp.evaluation.definitions import CLASSIFICATION, SEGMENTATION, grid_words

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
