"""kgp.data.layouts.bids: subjects, sessions, masks under derivatives."""

import pytest

from kgp.data.layouts.bids import LAYOUT
from kgp.errors import KgpError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def scans(folder, subject, session="", suffixes=("T1w", "FLAIR")):
    place = f"{subject}/{session}/anat" if session else f"{subject}/anat"
    stem = f"{subject}_{session}" if session else subject
    touch(folder, *(f"{place}/{stem}_{suffix}.nii.gz" for suffix in suffixes))


@pytest.mark.parametrize("session", ["", "ses-01"])
def test_subjects_sessions_and_contrasts(tmp_path, session):
    scans(tmp_path, "sub-01", session, ("T1w", "ce-gadolinium_T1w", "T2w", "FLAIR", "PDw"))
    touch(tmp_path, "derivatives/fmriprep/sub-01/anat/sub-01_space-MNI_T1w.nii.gz", "sub-01/dwi/sub-01_dwi.nii.gz")
    assert LAYOUT.fits(tmp_path)
    (row,) = LAYOUT.draft(tmp_path).rows
    assert (row["patient"], row["case"]) == ("sub-01", "sub-01_ses-01" if session else "sub-01")
    assert list(row)[4:] == ["T1", "T2", "T1ce", "FLAIR", "PDw", "mask"]
    assert row["T1ce"].name.endswith("ce-gadolinium_T1w.nii.gz") and "gadolinium" not in row["T1"].name


@pytest.mark.parametrize(
    ("masks", "taken"),
    [
        (("derivatives/manual/sub-01/anat/sub-01_label-tumor_mask.nii.gz",), 0),
        (("derivatives/x/sub-01/anat/sub-01_space-orig_desc-lesion_dseg.nii.gz",), 0),
        (("derivatives/x/sub-01/sub-01_dseg.nii.gz",), 0),
        (("sub-01/anat/sub-01_T1w_label-lesion_roi.nii.gz",), 0),
        (("derivatives/x/sub-01_desc-brain_mask.nii.gz", "derivatives/x/sub-01_label-lesion_mask.nii.gz"), 1),
        (("derivatives/x/sub-01_dseg.nii.gz", "derivatives/x/sub-01_label-tumor_mask.nii.gz"), 1),
        (("derivatives/x/sub-01_label-BrainTumor_mask.nii.gz", "derivatives/x/sub-01_desc-brain_mask.nii.gz"), 0),
        (("derivatives/x/sub-01_desc-brain_mask.nii.gz",), None),
        (("derivatives/x/sub-01_label-GM_mask.nii.gz", "derivatives/x/sub-01_desc-aseg_dseg.nii.gz"), None),
        (("derivatives/x/sub-02_label-tumor_mask.nii.gz",), None),
        (("derivatives/a/sub-01_dseg.nii.gz", "derivatives/b/sub-01_dseg.nii.gz"), None),
        (("derivatives/x/sub-01_label-WM_probseg.nii.gz",), None),
    ],
)
def test_which_mask_is_the_tumours(tmp_path, masks, taken):
    scans(tmp_path, "sub-01")
    touch(tmp_path, *masks)
    draft = LAYOUT.draft(tmp_path)
    assert draft.rows[0]["mask"] == ("" if taken is None else tmp_path / masks[taken])
    assert draft.rows[0]["label"] == ("" if taken is None else 1)


def test_the_mask_of_an_only_session_may_not_name_it(tmp_path):
    scans(tmp_path, "sub-01", "ses-1")
    scans(tmp_path, "sub-02", "ses-1")
    scans(tmp_path, "sub-02", "ses-2")
    touch(tmp_path, "derivatives/x/sub-01_label-tumor_mask.nii.gz", "derivatives/x/sub-02_label-tumor_mask.nii.gz")
    assert [bool(row["mask"]) for row in LAYOUT.draft(tmp_path).rows] == [True, False, False]


def test_several_masks_are_said(tmp_path):
    scans(tmp_path, "sub-01")
    touch(tmp_path, "derivatives/a/sub-01_dseg.nii.gz", "derivatives/b/sub-01_dseg.nii.gz")
    assert any("has 2 files that may be its tumour mask" in sentence for sentence in LAYOUT.draft(tmp_path).said)


@pytest.mark.parametrize(
    ("column", "healthy"),
    [("group", "control"), ("Diagnosis", "HC"), ("tumor_type", "none"), ("dx", "healthy control")],
)
def test_labels_of_participants(tmp_path, column, healthy):
    for subject in ("sub-01", "sub-02", "sub-03", "sub-04"):
        scans(tmp_path, subject)
        touch(tmp_path, f"derivatives/m/{subject}_label-tumor_mask.nii.gz")
    rows = f"sub-01\t40\tglioma\nsub-02\t50\t{healthy}\nsub-03\t9\tmeningioma\nsub-04\t9\tn/a\n"
    (tmp_path / "participants.tsv").write_text(f"participant_id\tage\t{column}\n{rows}")
    draft = LAYOUT.draft(tmp_path)
    assert [(row["label"], row["label_name"]) for row in draft.rows] == [
        (1, "glioma"),
        (0, "no_tumour"),
        (2, "meningioma"),
        ("", ""),
    ]
    said = " ".join(draft.said)
    assert f"labels are the column {column} of participants.tsv" in said
    assert "1 volumes have no label, which has to be filled in (such as sub-04)" in said


def test_runs_and_missing_contrasts_are_said(tmp_path):
    scans(tmp_path, "sub-01", suffixes=("run-1_T1w", "run-2_T1w", "FLAIR"))
    scans(tmp_path, "sub-02", suffixes=("T1w",))
    draft = LAYOUT.draft(tmp_path)
    assert draft.rows[0]["T1"].name == "sub-01_run-1_T1w.nii.gz" and draft.rows[1]["FLAIR"] == ""
    said = " ".join(draft.said)
    assert "sub-01 has 2 files of T1; sub-01_run-1_T1w.nii.gz is listed" in said
    assert "1 volumes have no FLAIR (such as sub-02)" in said


def test_a_table_of_participants_that_is_none(tmp_path):
    scans(tmp_path, "sub-01")
    (tmp_path / "participants.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KgpError, match="participants.tsv is not a table"):
        LAYOUT.draft(tmp_path)
    (tmp_path / "participants.tsv").write_text("subject\nsub-01\n")
    assert LAYOUT.draft(tmp_path).rows


def test_brats_cases_are_not_bids(tmp_path):
    touch(tmp_path, "BraTS2021_00001/BraTS2021_00001_flair.nii.gz", "sub-01/sub-01_T1w.nii.gz")
    assert not LAYOUT.fits(tmp_path)
