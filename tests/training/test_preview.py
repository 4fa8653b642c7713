"""kgp.training.preview: the sheet of augmented slices."""

import dataclasses

import cv2
import numpy as np
import pytest

from kgp.config import AugmentConfig
from kgp.errors import KgpError, UsageError
from kgp.training import presets
from kgp.training.preview import _chosen, write_preview

TILE, GAP = 160, 4  # 16 pixels are drawn ten times as large


@pytest.fixture
def config():
    return presets.load_preset("best", "unet")


def drawn(cohort, path, config, **options):
    assert write_preview(cohort, path, config, **options) == path
    picture = cv2.imread(str(path))
    assert picture is not None and picture.shape[2] == 3
    return picture


def test_the_sheet_has_the_size_that_was_asked_for(tiny_cohort, tmp_path, config):
    short = drawn(tiny_cohort, tmp_path / "a.png", config, rows=1, columns=2)
    long = drawn(tiny_cohort, tmp_path / "b.png", config, rows=3, columns=2)
    assert short.shape[1] == long.shape[1] == 3 * (TILE + GAP)
    one_row = (long.shape[0] - short.shape[0]) / 2
    assert TILE + GAP < one_row < TILE + GAP + 40  # a caption above each
    assert short.shape[0] > one_row
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_the_same_seed_draws_the_same_sheet(tiny_cohort, tmp_path, config):
    first = drawn(tiny_cohort, tmp_path / "a.png", config, rows=2, columns=2)
    np.testing.assert_array_equal(first, drawn(tiny_cohort, tmp_path / "a.png", config, rows=2, columns=2))
    other = dataclasses.replace(config, optimiser=dataclasses.replace(config.optimiser, seed=config.optimiser.seed + 1))
    assert (first != drawn(tiny_cohort, tmp_path / "a.png", other, rows=2, columns=2)).any()


def test_without_augmentation_all_tiles_of_a_row_are_alike(tiny_cohort, tmp_path, config):
    still = dataclasses.replace(config, augment=AugmentConfig())
    picture = drawn(tiny_cohort, tmp_path / "a.png", still, rows=2, columns=2)
    tiles = [picture[-TILE - GAP : -GAP, start : start + TILE] for start in (0, TILE + GAP, 2 * (TILE + GAP))]
    np.testing.assert_array_equal(tiles[0], tiles[1])
    np.testing.assert_array_equal(tiles[0], tiles[2])
    assert tiles[0].std() > 5


def test_masks_are_outlined(tiny_cohort, tmp_path, config):
    bare = dataclasses.replace(tiny_cohort, rows=tuple(dataclasses.replace(row, mask="") for row in tiny_cohort.rows))
    plain = drawn(bare, tmp_path / "a.png", config, rows=4, columns=1)
    outlined = drawn(tiny_cohort, tmp_path / "b.png", config, rows=4, columns=1)
    changed = (plain != outlined).any(axis=-1)
    assert 100 < changed.sum() < 2000
    assert (outlined[changed] == (0, 255, 255)).all()


def test_rows_are_spread_over_the_labels(tiny_cohort):
    for count in (2, 4, 6):
        chosen = _chosen(tiny_cohort.rows, count)
        assert sorted(row.label for _, row in chosen) == [0] * (count // 2) + [1] * (count // 2)
        assert all(tiny_cohort.rows[index] == row for index, row in chosen)
    assert len(_chosen(tiny_cohort.rows, 100)) == len(tiny_cohort.rows) == len(set(_chosen(tiny_cohort.rows, 100)))


def test_bad_arguments(tiny_cohort, tmp_path, config):
    with pytest.raises(UsageError, match=r"--preview writes a .png file, not 'a.jpg'"):
        write_preview(tiny_cohort, tmp_path / "a.jpg", config)
    for rows, columns in ((0, 1), (1, 0)):
        with pytest.raises(UsageError, match=f"at least one row and one column, not {rows} and {columns}"):
            write_preview(tiny_cohort, tmp_path / "a.png", config, rows=rows, columns=columns)


def test_a_damaged_slice_writes_nothing(tiny_cohort, tmp_path, config):
    lost = dataclasses.replace(tiny_cohort, folder=tmp_path / "nowhere")
    with pytest.raises(KgpError, match=r"\.npy is missing"):
        write_preview(lost, tmp_path / "a.png", config)
    assert list(tmp_path.iterdir()) == []
