"""kgp.data.split: parts by patient."""

import dataclasses
import logging
from collections import Counter
from pathlib import Path

import pytest

from kgp.data.cohort import Cohort, SliceRow
from kgp.data.labels import LabelledCohort
from kgp.data.split import PARTS, Split, read_split, split_cohort, write_split
from kgp.errors import KgpError, UsageError


def labelled(strata, visits=1):
    """`strata` maps the classes that a patient has slices of to the number of such patients."""
    rows, targets = [], []
    for classes, count in strata.items():
        for number in range(count):
            group = f"g{''.join(map(str, classes))}_{number:02d}"
            for target in classes:
                for visit in range(visits):
                    rows.append(SliceRow(f"{group}_{target}_{visit}", f"{group}_v{visit}", group, target, f"c{target}"))
                    targets.append(target)
    cohort = Cohort(Path("data"), "slices", ("T1",), (4, 4, 1), "uint8", tuple(rows))
    names = tuple(f"c{target}" for target in range(max(targets) + 1))
    return LabelledCohort(cohort, tuple(rows), tuple(targets), names, 0, ())


def groups_of(split, part):
    return {split.groups[identifier] for identifier in split.parts[part]}


def classes_of(split, part, data):
    target_of = dict(zip((row.id for row in data.rows), data.targets, strict=True))
    return {target_of[identifier] for identifier in split.parts[part]}


def test_sixty_twenty_twenty_and_no_person_twice():
    data = labelled({(0, 1): 25, (0, 2): 15}, visits=2)
    split = split_cohort(data)
    assert [len(groups_of(split, part)) for part in PARTS] == [24, 8, 8]
    assert sorted(sum(split.parts.values(), ())) == sorted(row.id for row in data.rows)
    assert not groups_of(split, "train") & groups_of(split, "test")
    strata = Counter(group[:3] for group in groups_of(split, "test"))
    assert strata == {"g01": 5, "g02": 3}


def test_the_seed_decides_and_the_order_of_the_table_does_not():
    data = labelled({(0, 1): 20})
    reverse = LabelledCohort(data.cohort, data.rows[::-1], data.targets[::-1], data.class_names, 0, ())
    split = split_cohort(data, seed=3)
    assert split == split_cohort(data, seed=3)
    assert groups_of(split, "test") == groups_of(split_cohort(reverse, seed=3), "test")
    assert groups_of(split, "test") != groups_of(split_cohort(data, seed=4), "test")


def test_folds_cover_every_person_once_as_test_and_once_as_validation():
    data = labelled({(0, 1): 9, (0, 2): 8})
    splits = [split_cohort(data, folds=4, fold=fold) for fold in range(4)]
    for part in ("test", "validation"):
        seen = Counter(group for split in splits for group in groups_of(split, part))
        assert set(seen.values()) == {1} and len(seen) == 17
    assert groups_of(splits[0], "validation") == groups_of(splits[1], "test")
    assert groups_of(splits[3], "validation") == groups_of(splits[0], "test")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "strata",
    [
        {(0,): 3, (1,): 3},
        {(0,): 7, (1,): 3, (2,): 4},
        {(0, 1): 11, (0, 2): 3},
        {(0,): 1, (1,): 1, (0, 1): 2, (0, 2): 3, (2,): 1},
    ],
)
def test_rare_classes_stand_in_every_part(strata, seed):
    data = labelled(strata)
    split = split_cohort(data, seed=seed)
    for part in PARTS:
        assert classes_of(split, part, data) == set(data.targets), part


@pytest.mark.parametrize("fold", range(4))
def test_rare_classes_stand_in_every_fold(fold):
    data = labelled({(0,): 9, (1,): 2, (0, 1): 2})
    assert classes_of(split_cohort(data, folds=4, fold=fold), "test", data) == {0, 1}


def test_by_slice_leaks_and_says_so(caplog):
    data = labelled({(0, 1): 6}, visits=5)
    with caplog.at_level(logging.WARNING):
        split = split_cohort(data, by="slice-leaky")
    assert "the test figures leak" in caplog.text
    assert split.by == "slice-leaky"
    assert groups_of(split, "train") & groups_of(split, "test")
    assert [len(split.parts[part]) for part in PARTS] == [36, 12, 12]


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_patients(count):
    with pytest.raises(KgpError, match=rf"data has {count} patient\(s\); at least 3 are needed"):
        split_cohort(labelled({(0, 1): count}))


def test_a_class_absent_from_a_part_is_named():
    with pytest.raises(KgpError, match=r"class 'c1' has no slice in the \w+ part.*--labels"):
        split_cohort(labelled({(0,): 9, (1,): 2}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 2}, "--folds must be 0 or at least 3, and --fold below it, not 2 and 0"),
        ({"folds": 5, "fold": 5}, "not 5 and 5"),
        ({"fold": 1}, "not 0 and 1"),
        ({"by": "slice"}, "--split must be one of patient, slice-leaky, not 'slice'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(UsageError, match=message):
        split_cohort(labelled({(0, 1): 9}), **options)


def test_more_folds_than_patients():
    with pytest.raises(KgpError, match="has 4 patients, which do not fill 5 folds"):
        split_cohort(labelled({(0, 1): 4}), folds=5)


@pytest.mark.parametrize("by", ["patient", "slice-leaky"])
def test_written_and_read_again(tmp_path, by):
    split = split_cohort(labelled({(0, 1): 8}, visits=2), by=by)
    write_split(split, tmp_path / "split.csv")
    assert read_split(tmp_path / "split.csv") == split
    assert (tmp_path / "split.csv").read_text().startswith("id,group,part,by,class\n")


def test_a_split_of_an_earlier_version_has_no_classes(tmp_path):
    (tmp_path / "split.csv").write_text("id,group,part,by\na1,a,train,patient\n")
    assert read_split(tmp_path / "split.csv").classes == {}


def test_a_person_in_two_parts_is_an_error(tmp_path):
    parts = {"train": ("a1", "b1"), "validation": ("c1",), "test": ("a2",)}
    groups = {"a1": "a", "a2": "a", "b1": "b", "c1": "c"}
    with pytest.raises(KgpError, match="patient a stands in the train part and in the test part"):
        Split(parts, groups)
    Split(parts, groups, "slice-leaky")
    (tmp_path / "split.csv").write_text("id,group,part,by\na1,a,train,patient\na2,a,test,patient\n")
    with pytest.raises(KgpError, match=r"split.csv: patient a stands in the train part and in the test part"):
        read_split(tmp_path / "split.csv")


def test_a_slice_in_two_parts_is_always_an_error():
    with pytest.raises(KgpError, match="slice a1 stands in the split twice"):
        Split({"train": ("a1",), "validation": (), "test": ("a1",)}, {"a1": "a"}, "slice-leaky")


@pytest.mark.parametrize("text", ["id,part\na,train\n", "id,group,part,by\na,a,holdout,patient\n"])
def test_foreign_tables(tmp_path, text):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(KgpError, match=r"split.csv is not a split of this format"):
        read_split(tmp_path / "split.csv")


def test_missing_table(tmp_path):
    with pytest.raises(KgpError, match=r"split.csv is missing"):
        read_split(tmp_path / "split.csv")


def test_a_patient_with_two_groups_is_refused():
    data = labelled({(0, 1): 6})
    rows = tuple(
        dataclasses.replace(row, patient="p7" if number < 4 else row.patient) for number, row in enumerate(data.rows)
    )
    with pytest.raises(
        KgpError, match=r"patient p7 of data goes with several groups \(g01_00, g01_01\); give all slices"
    ):
        split_cohort(dataclasses.replace(data, rows=rows))
    assert split_cohort(dataclasses.replace(data, rows=rows), by="slice-leaky").by == "slice-leaky"
