"""The sheet of augmented slices."""

import cv2
import numpy as np
import pytest

from kgp.data.cohort import Cohort, SliceRow
from kgp.data.preview import write_preview
from kgp.errors import KgpError, UsageError
from kgp.training.config import AugmentConfig, RunConfig

CONFIG = RunConfig("", augment=AugmentConfig(rotation=180.0, gain=0.2))
YELLOW = (0, 255, 255)


def write_cohort(folder, contrasts=2, masks=True, count=4):
    rows = []
    for name in ("slices", "masks"):
        (folder / name).mkdir()
    for number in range(count):
        image = np.zeros((20, 20, contrasts), np.uint8)
        image[6:14, 6:14] = 200
        np.save(folder / "slices" / f"{number}.npy", image)
        np.save(folder / "masks" / f"{number}.npy", (image[..., 0] > 0).astype(np.uint8))
        rows.append(
            SliceRow(
                f"s{number}",
                "p",
                "p",
                number % 2,
                "größe",
                image=f"slices/{number}.npy",
                mask=f"masks/{number}.npy" if masks else "",
            )
        )
    return Cohort(folder, "slices", tuple(f"c{n}" for n in range(contrasts)), (20, 20, contrasts), "uint8", tuple(rows))


def yellow_pixels(sheet):
    return (sheet == YELLOW).all(axis=-1)


@pytest.mark.parametrize("contrasts", [1, 2, 3, 4])
def test_a_sheet_of_rows_and_columns(tmp_path, contrasts):
    path = write_preview(write_cohort(tmp_path, contrasts), tmp_path / "sheet.png", CONFIG, rows=2, columns=3)
    sheet = cv2.imread(str(path))
    tile = 160 + 4
    assert sheet.shape[1] == 4 * tile
    strips = sheet.shape[0] - 2 * tile
    assert strips % 18 == 0 and strips >= 4 * 18
    for column in range(4):
        assert yellow_pixels(sheet[:, column * tile : (column + 1) * tile]).sum() > 4 * 64


def test_the_outline_is_that_of_the_mask(tmp_path):
    config = RunConfig("")
    path = write_preview(write_cohort(tmp_path, 1), tmp_path / "sheet.png", config, rows=1, columns=1)
    rows, columns = np.nonzero(yellow_pixels(cv2.imread(str(path))[-164:, :164]))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (48, 111, 48, 111)


def test_no_outline_without_masks(tmp_path):
    path = write_preview(write_cohort(tmp_path, 1, masks=False), tmp_path / "sheet.png", CONFIG)
    assert not yellow_pixels(cv2.imread(str(path))).any()


def test_more_rows_than_slices_draws_each_once(tmp_path):
    path = write_preview(write_cohort(tmp_path, count=2), tmp_path / "sheet.png", CONFIG, rows=9, columns=1)
    assert 2 * 164 < cv2.imread(str(path)).shape[0] < 3 * 164


def test_the_same_configuration_draws_the_same_sheet(tmp_path):
    cohort = write_cohort(tmp_path)
    sheets = [write_preview(cohort, tmp_path / f"{name}.png", CONFIG).read_bytes() for name in "ab"]
    other = write_preview(cohort, tmp_path / "c.png", CONFIG.override(seed=1)).read_bytes()
    assert sheets[0] == sheets[1] != other


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"writes a \.png file, not 'sheet\.jpg'"):
        write_preview(write_cohort(tmp_path), tmp_path / "sheet.jpg", CONFIG)


@pytest.mark.parametrize(("rows", "columns"), [(0, 1), (1, 0)])
def test_an_empty_sheet_is_refused(tmp_path, rows, columns):
    with pytest.raises(UsageError, match=f"at least one row and one column, not {rows} and {columns}"):
        write_preview(write_cohort(tmp_path), tmp_path / "sheet.png", CONFIG, rows=rows, columns=columns)


def test_an_unreadable_slice_leaves_no_sheet(tmp_path):
    cohort = write_cohort(tmp_path)
    (tmp_path / "slices" / "1.npy").write_bytes(b"")
    with pytest.raises(KgpError, match=r"1\.npy cannot be read"):
        write_preview(cohort, tmp_path / "sheet.png", CONFIG, rows=4)
    assert not list(tmp_path.glob("*.png"))
