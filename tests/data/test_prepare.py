"""kgp.data.prepare: from a source to a prepared cohort."""

import errno
import logging

import numpy as np
import pytest

from kgp.data.cohort import read_image, read_mask
from kgp.data.prepare import prepare
from kgp.errors import KgpError, UsageError
from kgp.files import read_json


def test_what_is_prepared_is_what_the_source_gives(tmp_path, list_source, three_patients, piece):
    extra = piece(
        "no mask", "d", 2, group="person", volume="v", index=4, spacing=(0.5, 0.75), spacing_slice=3.0, plane="axial"
    )
    cohort = prepare(list_source(three_patients | {"d": [extra]}), tmp_path / "out")
    assert (cohort.source, cohort.contrasts, cohort.shape, cohort.dtype) == (
        "list",
        ("T1", "FLAIR"),
        (8, 8, 2),
        "uint8",
    )
    pieces = [item for items in three_patients.values() for item in items] + [extra]
    assert [row.id for row in cohort.rows] == [item.id for item in pieces]
    for row, item in zip(cohort.rows, pieces, strict=True):
        np.testing.assert_array_equal(read_image(cohort, row), item.image)
        if item.mask is None:
            assert read_mask(cohort, row) is None
        else:
            np.testing.assert_array_equal(read_mask(cohort, row), item.mask)
        for field in ("patient", "group", "label", "label_name", "volume", "index", "plane"):
            assert getattr(row, field) == getattr(item, field)
    assert (cohort.rows[-1].spacing_row, cohort.rows[-1].spacing_column) == (0.5, 0.75)
    assert (cohort.rows[0].spacing_row, cohort.rows[-1].spacing_slice) == (None, 3.0)
    header = read_json(tmp_path / "out" / "cohort.json")
    assert (header["slices"], header["unreadable"], header["black"]) == (7, [], [])
    assert header["size"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_resized_slices(tmp_path, list_source, piece):
    wide = piece(
        "wide",
        "b",
        1,
        image=np.arange(96).reshape(6, 8, 2).astype(np.uint8),
        mask=np.ones((6, 8), bool),
        spacing=(1.0, 1.0),
    )
    cohort = prepare(list_source({"a": [piece("a", "a")], "b": [wide]}), tmp_path / "out", size=4)
    assert cohort.shape == (4, 4, 2) and cohort.dtype == "float32"
    assert (cohort.rows[1].spacing_row, cohort.rows[1].spacing_column) == (2.0, 2.0)
    assert read_mask(cohort, cohort.rows[1]).shape == (4, 4)


@pytest.mark.parametrize(
    ("types", "together"),
    [
        (("uint8", "uint8"), "uint8"),
        (("uint8", "uint16"), "uint16"),
        (("uint8", "int16"), "int16"),
        (("int16", "uint16"), "float32"),
        (("float64", "uint8"), "float32"),
        (("uint8", "float32"), "float32"),
    ],
)
def test_one_type_for_all(tmp_path, list_source, piece, types, together):
    content = {
        name: [piece(name, name, image=piece(name).image.astype(name_type))]
        for name, name_type in zip("ab", types, strict=True)
    }
    cohort = prepare(list_source(content), tmp_path / "out")
    assert cohort.dtype == together
    for row in cohort.rows:
        assert np.load(cohort.folder / row.image).dtype == together
        np.testing.assert_array_equal(read_image(cohort, row), content[row.id][0].image)


def test_what_cannot_be_used_is_left_out_with_a_word(tmp_path, list_source, three_patients, piece, caplog):
    bad = [
        piece("half", "d", image=np.ones((5, 5, 2)) * np.arange(5)[:, None, None], mask=np.ones((5, 5), bool)),
        piece("nan", "d", image=np.full((5, 5, 2), np.nan)),
    ]
    black = piece("dark", "e", image=np.zeros((8, 8, 2)))
    content = {"d": bad, "g": "g.png is missing.", "e": [black]} | three_patients
    with caplog.at_level(logging.WARNING):
        cohort = prepare(list_source(content), tmp_path / "out")
    assert len(cohort.rows) == 6 and cohort.shape == (8, 8, 2) and cohort.dtype == "uint8"
    assert len(list((tmp_path / "out" / "slices").iterdir())) == len(list((tmp_path / "out" / "masks").iterdir())) == 6
    header = read_json(tmp_path / "out" / "cohort.json")
    assert header["black"] == ["dark"]
    assert header["unreadable"] == [
        "d: Slice nan holds values that are not finite (NaN or infinity).",
        "g: g.png is missing.",
    ]
    assert "Left out: slice dark is black" in caplog.text and "Left out: g: g.png is missing." in caplog.text


def test_ids_become_names_of_files_that_cannot_meet(tmp_path, list_source, piece):
    ids = ["a/b", "a_b", "A_B", "../up", "x" * 300, "x" * 299 + "y", "é"]
    cohort = prepare(list_source({name: [piece(name)] for name in ids}), tmp_path / "out")
    assert [row.id for row in cohort.rows] == ids
    files = [row.image for row in cohort.rows]
    assert len({file.lower() for file in files}) == len(ids) and max(map(len, files)) < 120
    for row in cohort.rows:
        assert (cohort.folder / row.image).parent == cohort.folder / "slices"
        np.testing.assert_array_equal(read_image(cohort, row), piece(row.id).image)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": ["s"], "b": ["s"]}, "The id 's' stands several times in the data; ids must be unique"),
        ({"a": ["s", "tall"]}, r"of mixed sizes \(8x8 and 9x8, slice tall\); give --size"),
        (
            {"a": "a.png is damaged."},
            r"No slice of the data could be used, so nothing was prepared \(a: a.png is damaged.\)",
        ),
        ({}, r"No slice of the data could be used, so nothing was prepared\."),
        ({"a": ["dark"]}, "No slice of the data could be used"),
    ],
)
def test_data_that_cannot_be_prepared_leave_nothing_behind(tmp_path, list_source, piece, content, message):
    images = {"tall": np.arange(144).reshape(9, 8, 2), "dark": np.zeros((8, 8, 2))}
    made = {
        case: names if isinstance(names, str) else [piece(name, image=images.get(name)) for name in names]
        for case, names in content.items()
    }
    with pytest.raises(KgpError, match=message):
        prepare(list_source(made), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path, list_source, three_patients, monkeypatch):
    save, calls = np.save, []

    def full(file, array, **options):
        calls.append(file)
        if len(calls) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(file, array, **options)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left on device"):
        prepare(list_source(three_patients), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_prepared_folder_is_replaced_only_when_told(tmp_path, list_source, three_patients):
    prepare(list_source(three_patients), tmp_path / "out")
    with pytest.raises(KgpError, match="out exists already; name another folder or pass --overwrite"):
        prepare(list_source(three_patients), tmp_path / "out")
    cohort = prepare(list_source({"a": three_patients["a"]}), tmp_path / "out", overwrite=True)
    assert len(cohort.rows) == 2 and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_no_prepared_folder_is_never_replaced(tmp_path, list_source, three_patients):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "index.csv").touch()
    with pytest.raises(KgpError, match="data was not made by kgp prepare, so it is not replaced"):
        prepare(list_source(three_patients), tmp_path / "data", overwrite=True)
    assert (tmp_path / "data" / "index.csv").is_file()


def test_an_absurd_size(tmp_path, list_source, three_patients):
    with pytest.raises(UsageError, match="--size must be at most 4096, not 50000"):
        prepare(list_source(three_patients), tmp_path / "out", size=50000)
