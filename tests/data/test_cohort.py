"""kgp.data.cohort: the table of slices and the arrays behind it."""

import json

import numpy as np
import pytest

from kgp.data.cohort import FORMAT, SliceRow, prepared_size, read_cohort, read_image, read_mask
from kgp.errors import KgpError

COLUMNS = "id,patient,group,label,label_name,volume,index,image,mask,spacing_row,spacing_column\n"
ROWS = "s1,p1,g1,0,no tumour,,0,slices/s1.npy,,,\ns2,p2,g1,2,glioma,v1,7,slices/s2.npy,masks/s2.npy,0.5,0.75\n"


def write_cohort(folder, rows=ROWS, columns=COLUMNS, **header):
    values = {"format": FORMAT, "source": "slices", "contrasts": ["T1", "FLAIR"], "shape": [3, 4, 2], "dtype": "uint8"}
    (folder / "cohort.json").write_text(json.dumps(values | header))
    (folder / "cohort.csv").write_text(columns + rows)
    for name in ("slices", "masks"):
        (folder / name).mkdir(exist_ok=True)
    image = np.arange(24, dtype=np.uint8).reshape(3, 4, 2)
    np.save(folder / "slices" / "s1.npy", image)
    np.save(folder / "slices" / "s2.npy", image + 1)
    mask = np.zeros((3, 4), np.uint8)
    mask[1, 2] = 1
    np.save(folder / "masks" / "s2.npy", mask)
    return folder


def test_rows_come_in_the_order_of_the_table(tmp_path):
    cohort = read_cohort(write_cohort(tmp_path))
    assert cohort.rows[0] == SliceRow("s1", "p1", "g1", 0, "no tumour", image="slices/s1.npy")
    assert cohort.rows[1] == SliceRow(
        id="s2", patient="p2", group="g1", label=2, label_name="glioma", volume="v1", index=7,
        image="slices/s2.npy", mask="masks/s2.npy", spacing_row=0.5, spacing_column=0.75,
    )  # fmt: skip
    assert (cohort.source, cohort.contrasts, cohort.shape, cohort.dtype) == (
        "slices",
        ("T1", "FLAIR"),
        (3, 4, 2),
        "uint8",
    )


def test_the_spacing_of_slices_may_be_missing_as_in_cohorts_of_before(tmp_path):
    rows = ROWS.replace(",,\n", ",,,\n").replace("0.75\n", "0.75,3.5\n")
    cohort = read_cohort(write_cohort(tmp_path, rows, COLUMNS.replace("\n", ",spacing_slice\n")))
    assert [row.spacing_slice for row in cohort.rows] == [None, 3.5]
    cohort = read_cohort(write_cohort(tmp_path))
    assert [(row.spacing_slice, row.plane) for row in cohort.rows] == [(None, "")] * 2


def test_the_plane_of_a_slice(tmp_path):
    rows = ROWS.replace(",,\n", ",,,\n").replace("0.75\n", "0.75,axial\n")
    cohort = read_cohort(write_cohort(tmp_path, rows, COLUMNS.replace("\n", ",plane\n")))
    assert [row.plane for row in cohort.rows] == ["", "axial"]


@pytest.mark.parametrize(("header", "size"), [({}, None), ({"size": 0}, 0), ({"size": 64}, 64), ({"size": "x"}, None)])
def test_the_size_to_which_slices_were_brought(tmp_path, header, size):
    assert prepared_size(read_cohort(write_cohort(tmp_path, **header))) == size


def test_image_and_mask_of_a_slice(tmp_path):
    cohort = read_cohort(write_cohort(tmp_path))
    image = read_image(cohort, cohort.rows[1])
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image.ravel(), np.arange(1, 25))
    mask = read_mask(cohort, cohort.rows[1])
    assert mask.dtype == bool
    assert list(zip(*np.nonzero(mask), strict=True)) == [(1, 2)]
    assert read_mask(cohort, cohort.rows[0]) is None


def test_another_format_is_refused(tmp_path):
    with pytest.raises(KgpError, match=f"cohort.json is not a prepared cohort of format {FORMAT}"):
        read_cohort(write_cohort(tmp_path, format="other"))


def test_a_header_that_is_no_table_is_refused(tmp_path):
    write_cohort(tmp_path)
    (tmp_path / "cohort.json").write_text("[1]")
    with pytest.raises(KgpError, match="is not a prepared cohort"):
        read_cohort(tmp_path)


@pytest.mark.parametrize("name", ["cohort.json", "cohort.csv"])
def test_a_missing_file_is_named(tmp_path, name):
    (write_cohort(tmp_path) / name).unlink()
    with pytest.raises(KgpError, match=f"{name} is missing"):
        read_cohort(tmp_path)


def test_an_empty_table_is_refused(tmp_path):
    with pytest.raises(KgpError, match=r"cohort\.csv lists no slice"):
        read_cohort(write_cohort(tmp_path, rows=""))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("id,patient\n", "s1,p1\n"),
        (COLUMNS, "s1,p1,g1,high,grade,,0,slices/s1.npy,,,\n"),
        (COLUMNS, "s1,p1,g1,1,grade,,0,slices/s1.npy,,wide,\n"),
        (COLUMNS, ROWS[:60]),
        (COLUMNS, "s1,p1,g1,1,grade,,0,slices/s1.npy\n"),
        (COLUMNS, "s1,p1,g1,1,grade,,0,slices/s\0.npy,,,\n"),
        (COLUMNS, "s1,p1,g1,1,grade,,0,slices/s1.npy,../s1.npy,,\n"),
    ],
)
def test_a_table_of_another_kind_is_refused(tmp_path, columns, rows):
    with pytest.raises(KgpError, match=r"cohort\.csv is not a cohort table"):
        read_cohort(write_cohort(tmp_path, rows, columns))


@pytest.mark.parametrize("header", [{"shape": [3, 4]}, {"shape": None}, {"dtype": "colour"}, {"contrasts": 2}])
def test_a_damaged_header_is_refused(tmp_path, header):
    with pytest.raises(KgpError, match=r"cohort\.json is damaged \(.*\); prepare the data again"):
        read_cohort(write_cohort(tmp_path, **header))


def test_a_table_that_lost_a_line_is_refused(tmp_path):
    assert len(read_cohort(write_cohort(tmp_path, slices=2)).rows) == 2
    with pytest.raises(KgpError, match=r"cohort\.csv lists 1 slices where 2 were prepared"):
        read_cohort(write_cohort(tmp_path, ROWS.splitlines(keepends=True)[0], slices=2))


def test_a_missing_array_is_named(tmp_path):
    cohort = read_cohort(write_cohort(tmp_path))
    (tmp_path / "slices" / "s1.npy").unlink()
    with pytest.raises(KgpError, match=r"s1\.npy is missing; prepare the data again"):
        read_image(cohort, cohort.rows[0])


@pytest.mark.parametrize("size", [0, 10, 130])
def test_a_truncated_array_is_refused(tmp_path, size):
    cohort = read_cohort(write_cohort(tmp_path))
    path = tmp_path / "slices" / "s1.npy"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(KgpError, match=r"s1\.npy cannot be read as an array"):
        read_image(cohort, cohort.rows[0])


def test_an_array_of_objects_is_refused(tmp_path):
    cohort = read_cohort(write_cohort(tmp_path))
    np.save(tmp_path / "slices" / "s1.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(KgpError, match=r"s1\.npy cannot be read as an array"):
        read_image(cohort, cohort.rows[0])


def test_an_array_of_another_shape_is_refused(tmp_path):
    cohort = read_cohort(write_cohort(tmp_path))
    np.save(tmp_path / "masks" / "s2.npy", np.zeros((3, 5)))
    with pytest.raises(KgpError, match=r"s2\.npy has shape \(3, 5\) where the cohort has \(3, 4\)"):
        read_mask(cohort, cohort.rows[1])
