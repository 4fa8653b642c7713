import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.evaluation.predictions import check_paired, predictions_folder, read_predictions
from kgp.files import write_json, write_table


def rows(count=4):
    """Slices s0, s1, ... of patients p0, p0, p1, p1, ...; odd ones show a tumour, which is found."""
    return [
        {
            "id": f"s{number}", "patient": f"v{number}", "group": f"p{number // 2}",
            "true": ["none", "tumour"][number % 2], "predicted": ["none", "tumour"][number % 2],
            "p_none": [0.75, 0.25][number % 2], "p_tumour": [0.25, 0.75][number % 2],
            "true_pixels": [0, 9][number % 2], "dice_best": [1.0, 0.5][number % 2],
        }
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture
def folder_of(tmp_path):
    """Writes rows as predictions.csv with metrics.json beside it."""

    def make(table, name="a", class_names=("none", "tumour"), no_tumour_class=0):
        folder = tmp_path / name
        folder.mkdir()
        write_table(table, folder / "predictions.csv")
        write_json(folder / "metrics.json", {"class_names": class_names, "no_tumour_class": no_tumour_class})
        return folder

    return make


def test_what_was_written_is_read_in_the_order_of_ids(folder_of):
    found = read_predictions(folder_of(rows()[::-1]))
    assert (found.ids, found.groups) == (("s0", "s1", "s2", "s3"), ("p0", "p0", "p1", "p1"))
    np.testing.assert_array_equal(found.targets, [0, 1, 0, 1])
    np.testing.assert_array_equal(found.probabilities[:2], [[0.75, 0.25], [0.25, 0.75]])
    np.testing.assert_array_equal(found.true_pixels, [0, 9, 0, 9])
    np.testing.assert_array_equal(found.dices["best"], [1.0, 0.5, 1.0, 0.5])


def test_slices_without_masks(folder_of):
    some = rows()
    some[1] |= {"true_pixels": "", "dice_best": ""}
    found = read_predictions(folder_of(some))
    assert found.true_pixels[1] == -1 and np.isnan(found.dices["best"][1])
    none = [{key: row[key] for key in list(row)[:7]} for row in rows()]
    assert read_predictions(folder_of(none, "b")).dices == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: [{k: v for k, v in row.items() if k != "group"} for row in table], "lacks the column 'group'"),
        (lambda table: [*table, table[0]], "names a slice twice"),
        (lambda table: [{**row, "true": "cyst"} for row in table], "does not fit metrics.json"),
        (
            lambda table: [{k: v for k, v in row.items() if k != "p_tumour"} for row in table],
            "does not fit metrics.json",
        ),
        (lambda table: [{**row, "p_none": "x"} for row in table], "could not convert string to float"),
    ],
)
def test_damaged_tables_are_refused(folder_of, change, message):
    with pytest.raises(KgpError, match=message):
        read_predictions(folder_of(change(rows())))


def test_the_place_of_predictions(folder_of, tmp_path):
    run = folder_of(rows(), "run")
    assert predictions_folder(run, "validation") == run  # a result of kgp evaluate has one part
    (run / "config.json").write_text("{}")
    assert predictions_folder(run, "test") == run
    with pytest.raises(KgpError, match="run was not judged on its train part; kgp evaluate .*run --part train does it"):
        predictions_folder(run, "train")
    (run / "evaluations").mkdir()
    for part in ("test", "train"):
        folder_of(rows(), f"run/evaluations/{part}")
        assert predictions_folder(run, part) == run / "evaluations" / part
    (tmp_path / "empty").mkdir()
    with pytest.raises(KgpError, match="holds no predictions.csv; name a run that was evaluated"):
        predictions_folder(tmp_path / "empty", "test")


def changed(**changes):
    table = rows()
    table[1] |= changes
    return table


@pytest.mark.parametrize(
    ("table", "classes", "message"),
    [
        (rows(6), {}, "0 of 4 stand in the first alone and 2 of 6 in the second alone, such as s4"),
        (changed(id="t1"), {}, "1 of 4 stand in the first alone and 1 of 4 in the second alone, such as s1"),
        (changed(group="p7"), {}, "name different patients for 1 of 4 slices, such as s1"),
        (changed(true="none"), {}, "name different true classes for 1 of 4 slices, such as s1"),
        (rows(), {"no_tumour_class": None}, "only networks of the same classes can be compared"),
        (rows(), {"class_names": ("tumour", "none")}, "tells apart none, tumour, and .* tumour, none"),
    ],
)
def test_what_is_not_paired_is_refused(folder_of, table, classes, message):
    first, second = read_predictions(folder_of(rows())), read_predictions(folder_of(table, "b", **classes))
    with pytest.raises(KgpError, match=message):
        check_paired(first, second)
