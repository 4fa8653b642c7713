"""kgp.data.layouts.nnunet: Decathlon and nnU-Net raw data."""

import json

import nibabel
import numpy as np
import pytest

from kgp.data.layouts.nnunet import LAYOUT
from kgp.errors import KgpError

MSD = {
    "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
    "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
}
VERSION_2 = {"channel_names": {"0": "T1", "1": "T1ce"}, "labels": {"background": 0, "whole tumor": [1, 2, 3]}}


def save(path, shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.int16), np.eye(4)), path)


def decathlon(folder, header=MSD, channels=4, cases=("BRATS_001", "BRATS_002")):
    for case in cases:
        save(folder / "imagesTr" / f"{case}.nii.gz", (3, 3, 2, channels))
        save(folder / "labelsTr" / f"{case}.nii.gz", (3, 3, 2))
    (folder / "dataset.json").write_text(json.dumps(header))
    return folder


def nnunet(folder, header=VERSION_2, cases=("case_1", "case_2"), ending=".nii.gz"):
    for case in cases:
        for number in range(2):
            save(folder / "imagesTr" / f"{case}_{number:04d}{ending}", (3, 3, 2))
        save(folder / "labelsTr" / f"{case}{ending}", (3, 3, 2))
    (folder / "dataset.json").write_text(json.dumps(header))
    return folder


def test_decathlon(tmp_path):
    decathlon(tmp_path)
    (tmp_path / "imagesTr" / "._BRATS_001.nii.gz").touch()
    save(tmp_path / "imagesTs" / "BRATS_009.nii.gz", (3, 3, 2, 4))
    assert LAYOUT.fits(tmp_path)
    draft = LAYOUT.draft(tmp_path)
    images = tmp_path / "imagesTr"
    assert draft.rows[0] == {
        "case": "BRATS_001",
        "patient": "BRATS_001",
        "label": 1,
        "label_name": "tumour",
        "FLAIR": images / "BRATS_001.nii.gz[0]",
        "T1": images / "BRATS_001.nii.gz[1]",
        "T1ce": images / "BRATS_001.nii.gz[2]",
        "T2": images / "BRATS_001.nii.gz[3]",
        "mask": tmp_path / "labelsTr" / "BRATS_001.nii.gz",
    }
    said = " ".join(draft.said)
    assert len(draft.rows) == 2 and "THE LAYOUT HAS NO PATIENT IDS" in said and "2 patients" in said
    assert "edema (1), non-enhancing tumor (2), enhancing tumour (3)" in said and "1 files in imagesTs" in said


@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
@pytest.mark.parametrize("above", ["", "nnUNet_raw", "a/b"])
def test_nnunet(tmp_path, ending, above):
    root = nnunet(tmp_path / above, ending=ending)
    assert LAYOUT.fits(tmp_path)
    first, _ = LAYOUT.draft(tmp_path).rows
    assert (first["T1"], first["T1ce"], first["mask"]) == (
        root / "imagesTr" / f"case_1_0000{ending}",
        root / "imagesTr" / f"case_1_0001{ending}",
        root / "labelsTr" / f"case_1{ending}",
    )


def test_visits_of_a_brats_name_are_one_patient(tmp_path):
    nnunet(tmp_path, cases=("BraTS-GLI-00001-000", "BraTS-GLI-00001-001", "BraTS-GLI-00002-000"))
    assert {row["patient"] for row in LAYOUT.draft(tmp_path).rows} == {"BraTS-GLI-00001", "BraTS-GLI-00002"}


@pytest.mark.parametrize(
    "labels", [{"background": 0, "tumor": 1, "RC": 4}, {"0": "background", "1": "tumor", "4": "resection cavity"}]
)
def test_a_cavity_is_said_loudly(tmp_path, labels):
    nnunet(tmp_path, header=VERSION_2 | {"labels": labels})
    assert any("IS NO TUMOUR" in sentence for sentence in LAYOUT.draft(tmp_path).said)


def test_a_missing_contrast_and_a_missing_mask(tmp_path):
    nnunet(tmp_path)
    (tmp_path / "imagesTr" / "case_1_0001.nii.gz").unlink()
    (tmp_path / "labelsTr" / "case_2.nii.gz").unlink()
    draft = LAYOUT.draft(tmp_path)
    assert [(row["case"], row["T1ce"]) for row in draft.rows] == [("case_1", "")]
    assert any("case case_2 has no mask in labelsTr" in sentence for sentence in draft.said)


def test_a_decathlon_file_that_is_damaged_or_of_other_contrasts(tmp_path):
    decathlon(tmp_path, cases=("BRATS_001", "BRATS_002", "BRATS_003"))
    (tmp_path / "imagesTr" / "BRATS_001.nii.gz").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    save(tmp_path / "imagesTr" / "BRATS_002.nii.gz", (3, 3, 2))
    draft = LAYOUT.draft(tmp_path)
    said = " ".join(draft.said)
    assert [row["case"] for row in draft.rows] == ["BRATS_003"]
    assert (
        "BRATS_001.nii.gz cannot be read as NIfTI and is left out: it is a Git LFS pointer" in said
        and "has the shape (3, 3, 2), not 4 contrasts" in said
    )


def test_channels_of_one_name_keep_their_own(tmp_path):
    nnunet(tmp_path, header=VERSION_2 | {"channel_names": {"0": "MRI", "1": "MRI"}})
    assert {"MRI_0", "MRI_1"} <= set(LAYOUT.draft(tmp_path).rows[0])


def test_several_data_sets_and_no_channels(tmp_path):
    nnunet(tmp_path / "Dataset001_A")
    nnunet(tmp_path / "Dataset002_B", header={"labels": {}})
    with pytest.raises(KgpError, match=r"holds 2 data sets \(Dataset001_A, Dataset002_B\); name one of them"):
        LAYOUT.draft(tmp_path)
    with pytest.raises(KgpError, match="dataset.json has no channel_names"):
        LAYOUT.draft(tmp_path / "Dataset002_B")
