"""kgp.scans.dicom.series_choice: series chosen by rules or by hand, and what is refused."""

import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.contrast_rules import read_rules  # noqa: E402
from kgp.scans.dicom.files import StudyFile  # noqa: E402
from kgp.scans.dicom.header import read_header  # noqa: E402
from kgp.scans.dicom.series_choice import choose_series  # noqa: E402


@pytest.fixture
def study_of(phantom_study, tmp_path):
    """Makes a study of T1 (series 3), T2 (4) and FLAIR (5), three slices each; changes by contrast."""

    def make(**changes):
        made = phantom_study(contrasts=("T1", "T2", "FLAIR"))
        study = {}
        for contrast in made.contrasts:
            for index in range(3):
                path = tmp_path / f"{contrast}{index}"
                made.slice(contrast, index, **changes.get(contrast, {})).save_as(path, enforce_file_format=True)
                header = read_header(StudyFile(path.name, path))
                study.setdefault(header.series_uid, []).append(header)
        return study

    return make


def chosen(study, contrasts=("T1", "FLAIR"), rules=None, **assigned):
    choices = choose_series(study, contrasts, rules or read_rules(), assigned)
    return {contrast: (choice.images[0].number, len(choice.images), choice.why) for contrast, choice in choices.items()}


SWAN = {"SeriesDescription": "Ax SWAN", "EchoTime": "24", "RepetitionTime": "42"}
SPINE = {"BodyPartExamined": "LSPINE"}


def test_by_rules(study_of):
    assert chosen(study_of()) == {"T1": (3, 3, "its description says so"), "FLAIR": (5, 3, "its description says so")}
    named = {"SeriesDescription": "head", "InversionTime": "2500"}
    assert chosen(study_of(FLAIR=named))["FLAIR"][2] == "its times say so"


def test_the_preferred_of_several(study_of):
    study = study_of(T2={"SeriesDescription": "flair sag", "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]})
    expected = (5, 3, "its description says so; taken before series 4 (not axial)")
    assert chosen(study)["FLAIR"] == expected


def test_what_is_not_plainly_a_contrast_is_refused_with_the_list_of_series(study_of):
    with pytest.raises(KgpError) as caught:
        chosen(study_of(T1=SWAN, T2={"SeriesDescription": "Secret t2 PHANTOM-7"}))
    assert str(caught.value) == (
        "The study has no series for T1 where one for each of T1, FLAIR is expected; it holds series 3 'Ax SWAN' (3 slices, "
        "TE 24, TR 42: left out by its description); series 4 '... t2 ...' (3 slices, TE 90, TR 9000: T2); series 5 "
        "'t2 flair tra' (3 slices, TE 90, TR 9000: FLAIR). --assign CONTRAST=NUMBER takes one (kgp console run), and a file of "
        "rules (--rules) can tell them apart for good."
    )


def test_series_assigned_by_hand(study_of):
    study = study_of(T1=SWAN)
    assert chosen(study, T1="3")["T1"] == (3, 3, "assigned with --assign")
    uid = next(iter(study))
    assert chosen(study, T1=uid)["T1"][0] == 3
    # What is assigned is no candidate for another contrast, and nothing else is needed where all are.
    with pytest.raises(KgpError, match="The study has no series for FLAIR"):
        chosen(study, T1="5")
    assert chosen(study, T1="5", FLAIR="3")["FLAIR"][0] == 3
    with pytest.raises(KgpError, match="The study has no series for T2 .*; it holds no other series"):
        chosen(study, ("T1", "T2", "FLAIR", "X"), T1="5", FLAIR="3", X="4")


@pytest.mark.parametrize(
    ("changes", "assigned", "message"),
    [
        ({}, {"T1": "8"}, r"^--assign T1=8 names a series that is not there; the study has series 3, 4, 5\.$"),
        (
            {"T2": {"SeriesNumber": 3}},
            {"T1": "3"},
            r"^--assign T1=3 names 2 series; give a SeriesInstanceUID .*: 1\S+, 1",
        ),
        (
            {"T1": SPINE},
            {"T1": "3"},
            "^--assign T1=3 names a series of another part of the body .*; --any-body-part takes it",
        ),
        (
            {"T1": {"ImageType": ["ORIGINAL", "MOSAIC"]}},
            {"T1": "3"},
            "^--assign T1=3 names a mosaic of many slices in one",
        ),
    ],
)
def test_series_that_cannot_be_assigned(study_of, changes, assigned, message):
    with pytest.raises(KgpError, match=message):
        chosen(study_of(**changes), **assigned)


def test_another_part_of_the_body(study_of):
    study = study_of(T1=SPINE, T2=SPINE, FLAIR=SPINE)
    with pytest.raises(
        KgpError, match="The study shows another part of the body than head or brain: series 3 .*--any-body"
    ):
        chosen(study)
    assert chosen(study, rules=read_rules(any_body_part=True))["T1"][0] == 3


def test_a_mosaic_is_left_out_and_refused_where_it_is_all_there_is(study_of):
    mosaic = {"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}
    assert chosen(study_of(T2=mosaic))["T1"][0] == 3
    with pytest.raises(KgpError, match="The study holds mosaics, .*let the scanner send single slices"):
        chosen(study_of(T1=mosaic, T2=mosaic, FLAIR=mosaic))
