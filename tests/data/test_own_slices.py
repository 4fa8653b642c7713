import dataclasses

import numpy as np
import pytest

from kgp.data.cohort import on_own_grid, read_cohort, read_image, read_mask
from kgp.data.own_slices import read_own_slice, write_own_slice
from kgp.data.prepare import prepare
from kgp.data.prepared_folders import find_content
from kgp.errors import KgpError
from kgp.files import read_json, write_json
from kgp.scans.fit import fit_image, fit_mask


def wide_piece(piece, name="wide", dtype=np.uint8, **changes):
    """A slice of 6 x 8 pixels with a mask."""
    image = np.random.default_rng(0).integers(0, 200, (6, 8, 2)).astype(dtype)
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:5] = True
    return piece(name, name, 1, **({"image": image, "mask": mask} | changes))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float64])
def test_resized_slices_are_kept_as_they_came(tmp_path, list_source, piece, dtype):
    wide = wide_piece(piece, dtype=dtype, spacing=(1.5, 1.0))
    cohort = prepare(list_source({"a": [wide], "b": [piece("b", "b", mask=None)]}), tmp_path / "out", size=4)
    masked, without = cohort.rows
    assert (masked.own, masked.own_spacing_row, masked.own_spacing_column) == ("own/wide.npz", 1.5, 1.0)
    own = read_own_slice(cohort, masked)
    np.testing.assert_array_equal(own.image, wide.image)
    np.testing.assert_array_equal(own.mask, wide.mask)
    assert own.image.dtype == np.float32 and own.spacing == own.fit_spacing == (1.5, 1.0)
    np.testing.assert_array_equal(read_image(cohort, masked), fit_image(own.image, 4, own.fit_spacing))
    np.testing.assert_array_equal(read_mask(cohort, masked), fit_mask(own.mask, 4, own.fit_spacing))
    # Without a mask nothing is judged, so nothing is kept.
    assert without.own == "" and [path.name for path in (cohort.folder / "own").iterdir()] == ["wide.npz"]
    assert read_own_slice(cohort, without).mask is None
    assert on_own_grid(cohort) and read_json(cohort.folder / "cohort.json")["own_slices"] == 1


@pytest.mark.parametrize("size", [0, 8])
def test_nothing_is_stored_twice(tmp_path, list_source, three_patients, size):
    """Slices of 8 x 8 with square pixels are on their own grid at --size 8 too."""
    cohort = prepare(list_source(three_patients), tmp_path / "out", size=size)
    assert not any(row.own for row in cohort.rows) and not (cohort.folder / "own").exists()
    own = read_own_slice(cohort, cohort.rows[0])
    np.testing.assert_array_equal(own.image, read_image(cohort, cohort.rows[0]))
    assert not own.fitted and own.fit_spacing is None and on_own_grid(cohort)


def test_the_digest_tells_other_masks_and_knows_the_one_of_earlier_versions(tmp_path, list_source, piece):
    """One pixel of the own mask leaves the resized one as it is, and counts nevertheless."""
    wide = wide_piece(piece)
    other_mask = wide.mask.copy()
    other_mask[1, 2] = False
    first = prepare(list_source({"a": [wide]}), tmp_path / "a", size=4)
    second = prepare(list_source({"a": [dataclasses.replace(wide, mask=other_mask)]}), tmp_path / "b", size=4)
    np.testing.assert_array_equal(read_mask(first, first.rows[0]), read_mask(second, second.rows[0]))
    assert first.content != second.content and first.fitted_content == second.fitted_content
    assert first.has_content(first.content) and first.has_content(second.fitted_content)
    assert not first.has_content(second.content) and not first.has_content("")


def test_cohorts_of_earlier_versions_are_read(tmp_path, list_source, piece):
    """They have neither the columns nor the words in the header."""
    cohort = prepare(list_source({"a": [wide_piece(piece, spacing=(1.0, 1.0))]}), tmp_path / "a", size=4)
    header = read_json(cohort.folder / "cohort.json")
    del header["own_slices"], header["fitted_content"]
    write_json(cohort.folder / "cohort.json", header)
    lines = (cohort.folder / "cohort.csv").read_text().splitlines()
    (cohort.folder / "cohort.csv").write_text("\n".join(",".join(line.split(",")[:-4]) for line in lines) + "\n")
    earlier = read_cohort(cohort.folder)
    own = read_own_slice(earlier, earlier.rows[0])
    assert own.image.shape == (4, 4, 2) and own.mask.shape == (4, 4) and own.spacing == (2.0, 2.0)
    assert not own.fitted and on_own_grid(earlier) is False


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing; prepare the data again"),
        (b"no archive", "cannot be read as a slice"),
        (b"", "cannot be read as a slice"),
        ((np.zeros((4, 4, 3)), np.zeros((4, 4))), "where 2 channels are expected"),
        ((np.zeros((4, 4, 2)), np.zeros((4, 5))), r"a mask of shape \(4, 5\)"),
    ],
)
def test_damaged_files_are_refused(tmp_path, list_source, piece, content, message):
    cohort = prepare(list_source({"a": [wide_piece(piece)]}), tmp_path / "a", size=4)
    path = cohort.folder / cohort.rows[0].own
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        write_own_slice(path, *content)
    with pytest.raises(KgpError, match=message):
        read_own_slice(cohort, cohort.rows[0])


def test_a_case_that_is_left_out_leaves_no_file(tmp_path, list_source, piece):
    broken = piece("broken", "a", 1, image=np.full((6, 8, 2), np.nan), mask=np.zeros((6, 8), bool))
    cohort = prepare(
        list_source({"a": [wide_piece(piece), broken], "b": [wide_piece(piece, "b")]}), tmp_path / "o", size=4
    )
    assert [row.id for row in cohort.rows] == ["b"]
    assert [path.stem for path in (cohort.folder / "own").iterdir()] == ["b"]


def test_a_run_of_an_earlier_version_finds_its_data(tmp_path, list_source, piece):
    """By the digest that it recorded, which says nothing of slices on their own grid."""
    cohort = prepare(list_source({"a": [wide_piece(piece)]}), tmp_path / "cache" / "a", size=4)
    for digest in (cohort.content, cohort.fitted_content):
        assert find_content(digest, [tmp_path / "cache"]) == cohort.folder
    assert find_content("", [tmp_path / "cache"]) is None
