"""kgp.data.no_tumour_check: what is said of the class without tumour, and what masks say against it."""

import numpy as np
import pytest

from kgp.data.cohort import Cohort, SliceRow
from kgp.data.labels import choose_labels
from kgp.data.no_tumour_check import check_no_tumour, no_tumour_sentence
from kgp.errors import KgpError


@pytest.fixture
def labelled(tmp_path):
    """Makes the classes of {label: (name, masks full, masks empty)}, three patients a label."""

    def make(content, labels=(), no_tumour=""):
        rows = []
        for label, (name, full, empty) in content.items():
            for number in range(max(full + empty, 3)):
                mask = f"{label}_{number}.npy" if number < full + empty else ""
                if mask:
                    np.save(tmp_path / mask, np.full((4, 4), number < full, np.uint8))
                rows.append(SliceRow(f"{label}_{number}", f"p{number % 3}", f"p{number % 3}", label, name, mask=mask))
        cohort = Cohort(tmp_path, "slices", ("T1",), (4, 4, 1), "uint8", tuple(rows))
        return choose_labels(cohort, labels, no_tumour=no_tumour)

    return make


@pytest.mark.parametrize(
    ("content", "labels", "option", "sentence"),
    [
        ({0: ("tumour", 3, 0), 1: ("no_tumour", 0, 3)}, (), "", "\"No tumour\" is class 'no_tumour' (label 1)."),
        ({0: ("a", 0, 3), 1: ("b", 3, 0), 2: ("c", 0, 3)}, ("free=0,2", "x=1"), "free", "'free' (labels 0, 2)."),
        (
            {1: ("a", 0, 0), 2: ("b", 0, 0)},
            (),
            "",
            'No class means "no tumour" (if one does, name it with --no-tumour).',
        ),
        ({1: ("a", 0, 3), 2: ("b", 3, 0)}, (), "none", 'No class means "no tumour"'),
        ({1: ("a", 0, 3), 2: ("b", 3, 0)}, (), "a", "\"No tumour\" is class 'a' (label 1)."),
        ({0: ("a", 2, 3), 1: ("b", 3, 0)}, (), "", "\"No tumour\" is class 'a' (label 0)."),
        ({0: ("a", 0, 3), 1: ("b", 1, 9)}, (), "", "\"No tumour\" is class 'a' (label 0)."),  # labels of whole volumes
        ({1: ("a", 1, 3), 2: ("b", 3, 0)}, (), "", 'No class means "no tumour"'),
    ],
)
def test_what_is_said(labelled, content, labels, option, sentence):
    made = labelled(content, labels, option)
    check_no_tumour(made, option)
    assert sentence in no_tumour_sentence(made)


@pytest.mark.parametrize(
    ("content", "option", "message"),
    [
        (
            {0: ("a", 5, 1), 1: ("b", 0, 6)},
            "",
            "Class 'a' is taken for \"no tumour\", but 5 of 6 of its slices with masks have a mask that is not empty; name "
            "the class without tumour with --no-tumour",
        ),
        ({0: ("healthy", 3, 0), 1: ("b", 3, 0)}, "", "Class 'healthy' is taken for"),
        ({0: ("a", 0, 4), 1: ("b", 4, 0)}, "b", "Class 'b' is taken for"),
        ({0: ("a", 0, 4), 1: ("b", 4, 0)}, "1", "Class 'b' is taken for"),
        (
            {0: ("a", 2, 4), 1: ("b", 1, 5)},
            "",
            "Class 'b' is taken for a tumour, but 5 of 6 of its slices with masks have an empty mask, where those of class "
            "'a' have not",
        ),
        ({1: ("a", 4, 0), 2: ("b", 0, 4)}, "", "Class 'b' is taken for a tumour, but 4 of 4"),
        ({0: ("glioma", 4, 0), 2: ("b", 0, 4)}, "", "Class 'b' is taken for a tumour"),
        (
            {0: ("normal", 0, 3), 1: ("control", 0, 3)},
            "",
            "Classes 'normal' and 'control' both mean \"no tumour\"; merge them with --labels, or name one",
        ),
    ],
)
def test_what_is_refused(labelled, content, option, message):
    with pytest.raises(KgpError, match=message):
        check_no_tumour(labelled(content, (), option), option)


def test_masks_of_many_slices_are_looked_at_in_part(labelled, monkeypatch):
    made = labelled({0: ("tumour", 450, 0), 1: ("no tumour", 0, 450)})
    read = []
    monkeypatch.setattr(
        "kgp.data.no_tumour_check.read_mask", lambda cohort, row: read.append(row) or np.ones(1) * row.label
    )
    with pytest.raises(KgpError, match="Class 'no tumour' is taken for \"no tumour\", but 150 of 150"):
        check_no_tumour(made)
    assert len(read) == 300
