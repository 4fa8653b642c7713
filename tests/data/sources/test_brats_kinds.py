"""kgp.data.sources.brats_kinds: kinds, patients and labels by name."""

import pytest

from kgp.data.sources.brats_kinds import kind_of, label_notes, patient_of, person_of


@pytest.mark.parametrize(
    ("name", "kind", "tumour", "cavity", "patient"),
    [
        ("BraTS-GLI-00000-000", "BraTS-GLI", "glioma", (4,), "BraTS-GLI-00000"),
        ("BraTS-GLI-02405-101", "BraTS-GLI", "glioma", (4,), "BraTS-GLI-02405"),
        ("BraTS-SSA-00002-000", "BraTS-SSA", "glioma", (), "BraTS-SSA-00002"),
        ("BraTS-MEN-00004-000", "BraTS-MEN", "meningioma", (), "BraTS-MEN-00004"),
        ("BraTS-MEN-RT-0005-1", "BraTS-MEN-RT", "meningioma", (), "BraTS-MEN-RT-0005"),
        ("BraTS-MET-00002-000", "BraTS-MET", "metastasis", (4,), "BraTS-MET-00002"),
        ("BraTS-PED-00001-000", "BraTS-PED", "paediatric_tumour", (), "BraTS-PED-00001"),
        ("brats_met_00002_000", "BraTS-MET", "metastasis", (4,), "brats_met_00002"),
        ("BraTS-GoAT-00001", "BraTS-GoAT", "", (), "BraTS-GoAT-00001"),
        ("BraTS2021_00006", "BraTS to 2022", "glioma", (), "BraTS2021_00006"),
        ("BraTS20_Training_355", "BraTS to 2022", "glioma", (), "BraTS20_Training_355"),
        ("Brats17_TCIA_105_1", "BraTS to 2022", "glioma", (), "Brats17_TCIA_105_1"),
        ("patient7", "other names", "", (), "patient7"),
    ],
)
def test_kinds_and_patients(name, kind, tumour, cavity, patient):
    found = kind_of(name)
    assert (found.name, found.tumour, found.cavity, patient_of(name)) == (kind, tumour, cavity, patient)


def test_a_file_says_what_its_folder_does_not():
    assert kind_of("00002", "BraTS-MET-00002-000-seg.nii.gz").name == "BraTS-MET"


def test_the_same_number_in_2021_and_2023_is_one_person():
    assert person_of("BraTS2021_00006") == person_of("BraTS-GLI-00006-000") == "BraTS-GLI-00006"
    assert person_of("BraTS-MET-00006-000") == "BraTS-MET-00006" and person_of("x") == "x"


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("BraTS-GLI-1-0", {1, 2, 3, 4}, []),
        ("BraTS-GLI-1-0", {1, 2, 3}, []),
        ("BraTS-GLI-1-0", {1, 2, 4}, ["no label 3"]),
        ("BraTS-GLI-02405-100", {1, 2, 4}, []),
        ("BraTS-GLI-1-0", {5}, ["label 5 in its mask"]),
        ("BraTS-MET-1-0", {2, 4}, []),
        ("BraTS-MET-1-0", {1, 6}, ["label 6 in its mask"]),
        ("BraTS-PED-1-0", {1, 2, 3, 4}, []),
        ("BraTS-SSA-1-0", {1, 4}, ["label 4 in its mask"]),
        ("BraTS-MEN-RT-1-0", {1, 2}, ["label 2 in its mask"]),
        ("BraTS2021_00001", {1, 2, 4}, []),
        ("BraTS2021_00001", {1, 2, 3, 4}, ["both labels 3 and 4"]),
        ("mine", {7, 10}, ["label 7, 10 in its mask"]),
        ("mine", set(), []),
    ],
)
def test_notes_on_labels(name, values, words):
    notes = label_notes(name, kind_of(name), values)
    assert len(notes) == len(words) and all(word in note for word, note in zip(words, notes, strict=True))
