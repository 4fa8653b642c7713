"""kgp.data.prepare: from a source to a folder of arrays."""

import errno
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from kgp.data import prepare as module
from kgp.data.cohort import read_cohort, read_image, read_mask
from kgp.data.prepare import cached_cohort, prepare
from kgp.errors import KgpError, UsageError


def header(folder):
    return json.loads((folder / "cohort.json").read_text())


def with_size(piece, identifier, height, width, **fields):
    image = np.random.default_rng(height).integers(1, 99, (height, width, 2)).astype(np.uint8)
    return piece(identifier, image=image, **fields)


def test_slices_masks_and_table_are_the_sources(tmp_path, list_source, three_patients):
    cohort = prepare(list_source(three_patients), tmp_path / "out")
    assert (cohort.source, cohort.contrasts, cohort.shape, cohort.dtype) == (
        "list",
        ("T1", "FLAIR"),
        (8, 8, 2),
        "uint8",
    )
    pieces = [piece for case in three_patients.values() for piece in case]
    assert [row.id for row in cohort.rows] == [piece.id for piece in pieces]
    for row, piece in zip(cohort.rows, pieces, strict=True):
        np.testing.assert_array_equal(read_image(cohort, row), piece.image)
        np.testing.assert_array_equal(read_mask(cohort, row), piece.mask)
        assert (row.patient, row.group, row.label, row.label_name) == (
            piece.patient,
            piece.group,
            piece.label,
            piece.label_name,
        )
    assert header(tmp_path / "out")["unreadable"] == [] and header(tmp_path / "out")["slices"] == 6
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_data_without_any_mask(tmp_path, list_source, piece):
    cohort = prepare(list_source({"a": [piece("a"), piece("b", label=1)]}), tmp_path / "out")
    assert not cohort.has_masks and read_mask(cohort, cohort.rows[1]) is None


def test_resized_slices_are_float32_squares(tmp_path, list_source, piece):
    mask = np.zeros((8, 4), bool)
    mask[5, 2] = True
    wide = with_size(piece, "a", 8, 4, mask=mask, label=1, spacing=(1.0, 2.0), volume="v", index=3)
    cohort = prepare(list_source({"a": [wide], "b": [with_size(piece, "b", 16, 16)]}), tmp_path / "out", size=4)
    assert cohort.shape == (4, 4, 2) and cohort.dtype == "float32"
    row = cohort.rows[0]
    assert (row.spacing_row, row.spacing_column, row.volume, row.index) == (2.0, 2.0, "v", 3)
    assert read_mask(cohort, row).sum() >= 1
    assert cohort.rows[1].spacing_row is None
    np.testing.assert_allclose(read_image(cohort, row).mean(), wide.image.mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["uint8", "uint8"], "uint8"),
        (["int16"], "int16"),
        (["uint8", "uint16"], "uint16"),
        (["uint8", "int16"], "int16"),
        (["uint16", "int16"], "float32"),
        (["uint8", "float64"], "float32"),
        (["int32"], "float32"),
        (["bool"], "float32"),
        ([">i2"], "float32"),
    ],
)
def test_the_smallest_type_that_holds_all_slices(tmp_path, list_source, piece, dtypes, expected):
    images = [np.random.default_rng(0).integers(0, 2, (8, 8, 2)).astype(dtype) for dtype in dtypes]
    content = {str(number): [piece(str(number), image=image)] for number, image in enumerate(images)}
    cohort = prepare(list_source(content), tmp_path / "out")
    assert cohort.dtype == expected
    for row, image in zip(cohort.rows, images, strict=True):
        stored = np.load(cohort.folder / row.image)
        assert stored.dtype == expected
        np.testing.assert_array_equal(stored, image)


def test_a_bad_case_is_left_out_and_listed(tmp_path, list_source, three_patients, piece, caplog):
    spoilt = np.ones((8, 8, 2), np.float32)
    spoilt[2, 2, 0] = np.nan
    good = with_size(piece, "x_0", 5, 5, mask=np.zeros((5, 5), bool))
    content = {"x": [good, piece("x_1", image=spoilt)], "y": "y/T1.nii.gz is cut short."} | three_patients
    with caplog.at_level(logging.WARNING):
        cohort = prepare(list_source(content), tmp_path / "out")
    assert [row.id for row in cohort.rows] == ["a_0", "a_1", "b_0", "b_1", "c_0", "c_1"]
    assert header(tmp_path / "out")["unreadable"] == [
        "x: Slice x_1 holds values that are not finite (NaN or infinity).",
        "y: y/T1.nii.gz is cut short.",
    ]
    assert "Left out: y: y/T1.nii.gz is cut short." in caplog.text
    assert cohort.shape == (8, 8, 2) and cohort.dtype == "uint8"
    assert len(list((tmp_path / "out" / "slices").iterdir())) == len(list((tmp_path / "out" / "masks").iterdir())) == 6


def test_a_black_slice_is_left_out_and_its_case_is_not(tmp_path, list_source, piece, caplog):
    black = piece("a_1", image=np.zeros((8, 8, 2), np.uint8))
    with caplog.at_level(logging.WARNING):
        cohort = prepare(list_source({"a": [piece("a_0"), black, piece("a_2")]}), tmp_path / "out")
    assert [row.id for row in cohort.rows] == ["a_0", "a_2"]
    assert header(tmp_path / "out")["black"] == ["a_1"]
    assert "slice a_1 is black" in caplog.text


def test_mixed_sizes_need_a_size(tmp_path, list_source, piece):
    source = list_source({"a": [piece("a")], "b": [with_size(piece, "b", 8, 12)]})
    with pytest.raises(KgpError, match=r"mixed sizes \(8x8 and 8x12, slice b\); give --size"):
        prepare(source, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    assert len(prepare(source, tmp_path / "out", size=8).rows) == 2


def test_ids_are_unique_and_their_files_too(tmp_path, list_source, piece):
    identifiers = ["a/b", "a b", "A b", "../x", "é", "l" * 300, "l" * 299, ".."]
    cohort = prepare(list_source({name: [piece(name)] for name in identifiers}), tmp_path / "out")
    assert [row.id for row in cohort.rows] == identifiers
    files = [row.image for row in cohort.rows]
    assert len({name.lower() for name in files}) == len(identifiers)
    assert {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out" / "slices").iterdir()} == set(files)
    for row in cohort.rows:
        np.testing.assert_array_equal(read_image(cohort, row), piece(row.id).image)


def test_an_id_that_stands_twice(tmp_path, list_source, piece):
    with pytest.raises(KgpError, match="The id 'a' stands several times in the data"):
        prepare(list_source({"p": [piece("a")], "q": [piece("a")]}), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [{}, {"a": "a is missing."}])
def test_nothing_to_prepare(tmp_path, list_source, content):
    with pytest.raises(KgpError, match="No slice of the data could be used, so nothing was prepared"):
        prepare(list_source(content), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_kept_unless_overwritten(tmp_path, list_source, three_patients, piece):
    prepare(list_source(three_patients), tmp_path / "out")
    other = list_source({"z": [piece("z")]})
    with pytest.raises(KgpError, match="exists already; name another folder or pass --overwrite"):
        prepare(other, tmp_path / "out")
    assert len(read_cohort(tmp_path / "out").rows) == 6
    prepare(other, tmp_path / "out", overwrite=True)
    assert len(read_cohort(tmp_path / "out").rows) == 1


@pytest.mark.parametrize("before", [0, 3])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, list_source, three_patients, monkeypatch, before):
    prepare(list_source({"a": three_patients["a"]}), tmp_path / "out")
    written = []

    def write_bytes(path, content):
        if len(written) == before:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        written.append(path)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(OSError, match="No space left on device"):
        prepare(list_source(three_patients), tmp_path / "out", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(read_cohort(tmp_path / "out").rows) == 2


def test_only_one_case_is_held_at_a_time(tmp_path, piece, list_source):
    """No slice is asked for before the one before it has been written."""
    folder = tmp_path / "out"

    class Streaming(list_source):
        def read(self, case):
            for number in range(3):
                (partial,) = tmp_path.glob(".out*")
                assert len(list((partial / "slices").iterdir())) == 3 * int(case) + number
                yield piece(f"{case}_{number}")

    assert len(prepare(Streaming({"0": [], "1": []}), folder).rows) == 6


def write_slices(folder, value=0):
    folder.mkdir(exist_ok=True)
    lines = ["id,image,label,label_name,patient"]
    for number in range(3):
        np.save(folder / f"{number}.npy", np.arange(32, dtype=np.uint8).reshape(4, 4, 2) + value)
        lines.append(f"{number},{number}.npy,{min(number, 1)},name{min(number, 1)},p{number}")
    (folder / "index.csv").write_text("\n".join(lines))
    return folder


def test_a_data_set_is_prepared_once(tmp_path, monkeypatch):
    data, cache = write_slices(tmp_path / "data"), tmp_path / "cache"
    first = cached_cohort(data, size=0, cache=cache)
    assert first.folder.parent == cache and first.folder.name.startswith("data-")
    with monkeypatch.context() as patch:
        patch.setattr(module, "prepare", None)
        assert cached_cohort(data, size=0, cache=cache) == first
    others = [
        cached_cohort(data, size=2, cache=cache),
        cached_cohort(data, size=0, cache=cache, contrasts=("T1", "T2")),
    ]
    write_slices(data, value=7)
    others.append(cached_cohort(data, size=0, cache=cache))
    assert len({first.folder, *(cohort.folder for cohort in others)}) == 4
    assert read_image(others[-1], others[-1].rows[0])[0, 0, 0] == 7


def test_the_phantom_is_prepared_once(tmp_path, monkeypatch, list_source, piece):
    monkeypatch.setattr(module, "open_source", lambda *_, **__: list_source({"a": [piece("a")]}))
    first = cached_cohort(None, size=0, cache=tmp_path)
    assert first.folder.name.startswith("phantom-")
    assert cached_cohort(None, size=0, cache=tmp_path) == first


def test_a_prepared_folder_is_taken_as_it_is(tmp_path, list_source, three_patients):
    made = prepare(list_source(three_patients), tmp_path / "out")
    options = {"cache": tmp_path / "cache"}
    for size, contrasts in ((0, ()), (8, ("T1", "FLAIR"))):
        assert cached_cohort(made.folder, size=size, contrasts=contrasts, **options) == made
    with pytest.raises(KgpError, match=r"was prepared at 8x8, not at --size 16"):
        cached_cohort(made.folder, size=16, **options)
    with pytest.raises(KgpError, match="was prepared with the contrasts T1, FLAIR, not with FLAIR"):
        cached_cohort(made.folder, size=0, contrasts=("FLAIR",), **options)
    assert not (tmp_path / "cache").exists()


def test_errors_of_the_source_come_through(tmp_path):
    with pytest.raises(KgpError, match="No data found"):
        cached_cohort(tmp_path / "nowhere", size=0, cache=tmp_path)
    with pytest.raises(UsageError, match="--kind must be one of"):
        cached_cohort(tmp_path, size=0, cache=tmp_path, kind="other")
