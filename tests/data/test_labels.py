"""kgp.data.labels: classes from labels."""

from pathlib import Path

import pytest

from kgp.data.cohort import Cohort, SliceRow
from kgp.data.labels import choose_labels
from kgp.errors import KgpError, UsageError

NAMES = {0: "healthy", 1: "grade2", 2: "grade3", 3: "unknown"}


def cohort(counts, names=NAMES):
    """`counts` maps label to number of patients; each has two slices of that label."""
    rows = [
        SliceRow(f"s{label}_{patient}_{number}", f"q{patient}", f"p{label}_{patient}", label, names[label])
        for label, patients in counts.items()
        for patient in range(patients)
        for number in range(2)
    ]
    return Cohort(Path("data"), "slices", ("T1",), (4, 4, 1), "uint8", tuple(rows))


def test_every_label_is_a_class_by_default():
    labelled = choose_labels(cohort({2: 3, 0: 4, 1: 3}))
    assert labelled.class_names == ("healthy", "grade2", "grade3")
    assert labelled.no_tumour_class == 0
    assert labelled.dropped == ()
    assert labelled.targets == (2,) * 6 + (0,) * 8 + (1,) * 6
    assert labelled.rows == labelled.cohort.rows


def test_a_rare_label_is_left_out_with_a_word():
    labelled = choose_labels(cohort({0: 3, 1: 3, 3: 2}))
    assert labelled.class_names == ("healthy", "grade2")
    assert {row.label for row in labelled.rows} == {0, 1}
    assert len(labelled.dropped) == 1
    assert labelled.dropped[0].startswith("Label 'unknown' is left out: its 2 patient(s) cannot stand in training")


def test_labels_by_number_name_and_star():
    data = cohort({0: 3, 1: 3, 2: 3, 3: 1})
    labelled = choose_labels(data, ("tumour=*", "free=healthy"))
    assert labelled.class_names == ("tumour", "free")
    assert labelled.no_tumour_class == 1
    assert labelled.targets == tuple(int(row.label == 0) for row in data.rows)
    assert choose_labels(data, ("free=0", "tumour=1,grade3")).dropped == (
        "Label 'unknown' is left out, as --labels does not name it.",
    )


def test_without_label_zero_there_is_no_class_without_tumour():
    assert choose_labels(cohort({1: 3, 2: 3})).no_tumour_class is None
    assert choose_labels(cohort({0: 3, 1: 3, 2: 3}), ("low=0,1", "high=2")).no_tumour_class is None


def test_one_more_patient_id_of_the_same_person_does_not_count():
    data = cohort({0: 3, 1: 3})
    rows = [SliceRow(**{**vars(row), "group": "one"}) if row.label else row for row in data.rows]
    with pytest.raises(KgpError, match="data gives 1 class"):
        choose_labels(Cohort(data.folder, "slices", ("T1",), (4, 4, 1), "uint8", tuple(rows)))


def test_no_number_of_patients_is_asked_for_where_nothing_is_split():
    labelled = choose_labels(cohort({0: 1, 1: 1}), split=False)
    assert labelled.class_names == ("healthy", "grade2") and labelled.dropped == ()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("tumour",), r"--labels takes NAME=LABEL\[,LABEL\] with each NAME once, not 'tumour'"),
        (("=1",), "not '=1'"),
        (("tumour=",), "not 'tumour='"),
        (("a=1", "a=2"), "not 'a=2'"),
        (("a=7", "b=*"), r"unknown label '7'; the data have 0 \(healthy\), 1 \(grade2\), 2 \(grade3\)"),
        (("a=0,1", "b=grade2"), "names the label 'grade2' twice"),
        (("a=0", "b=*", "c=*"), r"names the label '\*' twice"),
        (("a=0,1,2", "b=*"), "leaves no label for class 'b'"),
    ],
)
def test_malformed_options(labels, message):
    with pytest.raises(UsageError, match=message):
        choose_labels(cohort({0: 3, 1: 3, 2: 3}), labels)


def test_too_few_patients_or_classes():
    with pytest.raises(KgpError, match=r"Class 'rest' has 2 patient\(s\) in data; at least 3 are needed"):
        choose_labels(cohort({0: 3, 1: 3, 3: 2}), ("a=0", "b=1", "rest=*"))
    with pytest.raises(KgpError, match=r"gives 1 class\(es\) with enough patients.*its labels: 0 \(healthy\)"):
        choose_labels(cohort({0: 5}))
    with pytest.raises(KgpError, match="gives 1 class"):
        choose_labels(cohort({0: 5, 1: 5}), ("a=*",))


def test_one_patient_only():
    with pytest.raises(
        KgpError, match=r"data has 1 patient\(s\); at least 3 are needed for training, validation and test"
    ):
        choose_labels(cohort({1: 1}))


def test_names_and_numbers_go_one_to_one():
    with pytest.raises(KgpError, match=r"two labels of one name \(0 \(healthy\), 1 \(tumour\), 2 \(tumour\)\)"):
        choose_labels(cohort({0: 3, 1: 3, 2: 3}, {0: "healthy", 1: "tumour", 2: "tumour"}))
    data = cohort({0: 3, 1: 3})
    other = SliceRow("x", "x", "x", 1, "GRADE2")
    with pytest.raises(KgpError, match="data calls label 1 both 'grade2' and 'GRADE2'"):
        choose_labels(Cohort(data.folder, "slices", ("T1",), (4, 4, 1), "uint8", (*data.rows, other)))


def test_which_class_has_no_tumour():
    data = cohort({0: 3, 1: 3, 2: 3}, {0: "tumour", 1: "b", 2: "c"})
    assert choose_labels(data).no_tumour_class is None
    assert choose_labels(data, no_tumour="b").no_tumour_class == 1
    assert choose_labels(data, no_tumour="2").no_tumour_class == 2
    assert choose_labels(data, ("free=1,2", "tumour=0"), no_tumour="free").no_tumour_class == 0
    assert choose_labels(data, ("no tumour=1,2", "tumour=0")).no_tumour_class == 0
    assert choose_labels(cohort({0: 3, 1: 3}), no_tumour="none").no_tumour_class is None
    swapped = cohort({0: 3, 1: 3}, {0: "tumour", 1: "no_tumour"})
    assert choose_labels(swapped).no_tumour_class == 1
    with pytest.raises(UsageError, match=r"--no-tumour names the label 3 \(unknown\), which makes no class"):
        choose_labels(cohort({0: 3, 1: 3, 3: 2}), no_tumour="unknown")
