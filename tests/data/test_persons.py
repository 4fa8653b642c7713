"""kgp.data.persons: patients that are not persons."""

import pytest

from kgp.data.persons import person_warnings, persons_with_several_ids


@pytest.mark.parametrize(
    ("ids", "shared"),
    [
        (("P01_a", "P01_b", "P02"), ["P01_a", "P01_b"]),
        (
            ("TCGA_CS_4941_19960909", "TCGA_CS_4941_20000101", "TCGA_CS_4942_20000101"),
            ["TCGA_CS_4941_19960909", "TCGA_CS_4941_20000101"],
        ),
        (("p1-visit2", "p1-visit1", "p2-visit1"), ["p1-visit1", "p1-visit2"]),
        (("p1", "p1-visit2", "p2"), ["p1", "p1-visit2"]),
        (("MR040240", "MR040240B", "MR040240C", "MR040241"), ["MR040240", "MR040240B", "MR040240C"]),
        (("P01_1", "P01_2", "P02_1", "P03_1"), ["P01_1", "P01_2"]),
        (("sub-01_ses-01", "sub-01_ses-02", "sub-02_ses-01"), ["sub-01_ses-01", "sub-01_ses-02"]),
        (
            ("BraTS-GLI-00000-000", "BraTS-GLI-00000-001", "BraTS-GLI-00001-000"),
            ["BraTS-GLI-00000-000", "BraTS-GLI-00000-001"],
        ),
        (
            ("UPENN-GBM-00001_11", "UPENN-GBM-00001_21", "UPENN-GBM-00002_11"),
            ["UPENN-GBM-00001_11", "UPENN-GBM-00001_21"],
        ),
        (("pat1_pre", "pat1_post", "pat2_pre"), ["pat1_post", "pat1_pre"]),
        (("W39_1998.09.19", "W39_1998.12.01", "W40_1998.12.01"), ["W39_1998.09.19", "W39_1998.12.01"]),
        (("p7 scan 1", "p7 scan 2", "p8 scan 1"), ["p7 scan 1", "p7 scan 2"]),
        (("P01V1", "P01V2", "P02V1", "P03V1"), ["P01V1", "P01V2"]),
        (("p01", "P01", "p02"), ["P01", "p01"]),
        (("p1", "p01", "p2"), ["p01", "p1"]),
        (("P-01", "P_01", "P-02"), ["P-01", "P_01"]),
        (("12_left", "12_right", "13_left"), ["12_left", "12_right"]),
        (("smith_visit1", "smith_visit2", "jones_visit1"), ["smith_visit1", "smith_visit2"]),
        (("id5_m06", "id5_m12", "id6_m06"), ["id5_m06", "id5_m12"]),
        (("TCGA-CS-4941-01A", "TCGA-CS-4941-02A", "TCGA-CS-4942-01A"), ["TCGA-CS-4941-01A", "TCGA-CS-4941-02A"]),
    ],
)
def test_ids_of_one_person(ids, shared):
    assert list(persons_with_several_ids(ids).values()) == [shared]


@pytest.mark.parametrize(
    "ids",
    [
        [f"pat{number}" for number in range(1, 30)],
        [f"BraTS20_Training_{number:03d}" for number in range(1, 370)],
        [f"BraTS2021_{number:05d}" for number in range(0, 1600, 7)],
        [f"TCGA_{site}_{number}" for site in ("CS", "DU") for number in range(4930, 5400, 5)],
        ["TCGA_HT_A61A", "TCGA_HT_A61B", "TCGA_HT_A5R5", "TCGA_DU_A5TP"],
        [f"TCGA-02-{number:04d}" for number in (1, 3, 6, 27)] + [f"TCGA-06-{number:04d}" for number in (119, 122)],
        [f"sub-{number:02d}" for number in range(60)],
        [str(number) for number in range(100_572, 101_900, 13)],
        [f"case_{letter}" for letter in "abcdef"],
        [f"Site{site}_{number:03d}" for site in "AB" for number in range(40)],
        [f"{grade}_{number}" for grade in ("HGG", "LGG") for number in range(40)],
        [f"center{centre}_{number}" for centre in (1, 2) for number in range(1, 20)],
        [f"C{centre}S{number}" for centre in (1, 2) for number in range(1, 20)],
        [f"{number * 2_654_435_761 % 2**32:08x}" for number in range(500)],
        [f"IXI{number:03d}-Guys-{700 + number}" for number in range(30)],
        [f"brats_scan_{number}" for number in range(30)],
        ["smith", "jones", "garcia", "baker"],
    ],
)
def test_ids_of_different_persons(ids):
    assert persons_with_several_ids(ids) == {}


def test_slices_taken_for_patients():
    ids = [f"slice{number}" for number in range(40)]
    (sentence,) = person_warnings(ids)
    assert sentence.startswith("the 40 slices have 40 patients; where several slices are of one person, give them one")
    assert person_warnings(ids[:39] + ids[:1])[0].startswith("the 40 slices have 39 patients")
    assert person_warnings(ids[:9]) == [] == person_warnings(ids + ids)


def test_a_sentence_on_many_persons():
    ids = [f"p{person}-visit{visit}" for person in range(5) for visit in range(4)]
    (sentence,) = person_warnings(ids * 2)
    assert sentence == (
        "20 patients seem to be 5 person(s), as their ids begin alike (p0-visit0, p0-visit1, p0-visit2, ...; "
        "p1-visit0, p1-visit1, p1-visit2, ...; p2-visit0, p2-visit1, p2-visit2, ...; ...); where they are, give them one "
        "patient_group, or the person stands in training and test."
    )
