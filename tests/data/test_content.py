"""kgp.data.content: equal slices, equal digests."""

import dataclasses

import numpy as np
import pytest

from kgp.data.cohort import read_cohort
from kgp.data.content import array_digest, cohort_digest
from kgp.data.prepare import prepare
from kgp.files import read_json


def test_arrays_are_told_apart_by_type_shape_and_values():
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    others = [array.reshape(3, 2), array.astype(np.uint16), array + 1, array.T]
    assert len({array_digest(other) for other in (array, *others)}) == 5
    assert array_digest(np.asfortranarray(array)) == array_digest(array)


def test_prepared_twice_is_equal_and_what_is_written_is_what_is_digested(tmp_path, list_source, three_patients, piece):
    mixed = three_patients | {"d": [piece("d", "d", image=piece("d").image.astype(np.uint16))]}
    cohort = prepare(list_source(mixed), tmp_path / "a", made_from="/data/SLICES")
    assert prepare(list_source(mixed), tmp_path / "b").content == cohort.content
    assert read_cohort(tmp_path / "a").content == cohort.content == read_json(tmp_path / "a" / "cohort.json")["content"]
    files = [name for row in cohort.rows for name in (row.image, row.mask) if name]
    arrays = {name: array_digest(np.load(cohort.folder / name)) for name in files}
    assert cohort_digest(cohort.contrasts, cohort.rows, arrays) == cohort.content
    assert read_json(tmp_path / "a" / "cohort.json")["data"] == "/data/SLICES"


@pytest.mark.parametrize(
    "change", [{"label": 7}, {"label_name": "x"}, {"group": "x"}, {"patient": "x"}, {"id": "x"}, {"spacing_row": 2.0}]
)
def test_every_field_counts_but_names_of_files_and_planes(tmp_path, list_source, three_patients, change):
    cohort = prepare(list_source(three_patients), tmp_path / "a")
    arrays = dict.fromkeys([name for row in cohort.rows for name in (row.image, row.mask) if name], "0")
    before = cohort_digest(cohort.contrasts, cohort.rows, arrays)
    first = dataclasses.replace(cohort.rows[0], **change)
    assert cohort_digest(cohort.contrasts, (first, *cohort.rows[1:]), arrays) != before
    planed = dataclasses.replace(cohort.rows[0], plane="axial")  # which earlier versions did not read
    assert cohort_digest(cohort.contrasts, (planed, *cohort.rows[1:]), arrays) == before
    renamed = dataclasses.replace(cohort.rows[0], image="slices/other.npy")
    assert cohort_digest(cohort.contrasts, (renamed, *cohort.rows[1:]), arrays | {renamed.image: "0"}) == before
    assert cohort_digest(("T1", "T2"), cohort.rows, arrays) != before
