"""kgp.data.layouts.kaggle_3m: the LGG slices of Buda et al."""

import numpy as np
import pytest
import tifffile

from kgp.data.layouts.kaggle_3m import LAYOUT

CODES = {"TCGA_CS_4941": "2", "TCGA_DU_5849": "1", "TCGA_HT_A61B": ""}


def write(folder, patient="TCGA_CS_4941", slices=12, tumour=(8, 9), dark=(1,), blank=None):
    """One patient; `blank` is a channel that repeats FLAIR."""
    case = f"{patient}_19960909"
    (folder / case).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(1, slices + 1):
        image = rng.integers(0, 20 if number in dark else 255, (8, 8, 3)).astype(np.uint8)
        if blank is not None:
            image[..., blank] = image[..., 1]
        mask = np.zeros((8, 8), np.uint8)
        mask[2:4, 3] = 255 if number in tumour else 0
        tifffile.imwrite(folder / case / f"{case}_{number}.tif", image)
        tifffile.imwrite(folder / case / f"{case}_{number}_mask.tif", mask)


def write_data(folder, separator=";"):
    header = "Patient;RNASeqCluster;neoplasm_histologic_grade;death01"
    lines = [header, *(f"{name};1;{code};0" for name, code in CODES.items())]
    (folder / "data.csv").write_text("\n".join(lines).replace(";", separator))


@pytest.mark.parametrize("separator", [";", ","])
def test_labels_are_grades_of_the_patient(tmp_path, separator):
    for patient in CODES:
        write(tmp_path, patient)
    write_data(tmp_path, separator)
    assert LAYOUT.fits(tmp_path)
    draft = LAYOUT.draft(tmp_path)
    assert {(row["patient"], row["label"], row["label_name"]) for row in draft.all_rows if row["label"]} == {
        ("TCGA_CS_4941", 2, "lgg_grade3"),
        ("TCGA_DU_5849", 1, "lgg_grade2"),
        ("TCGA_HT_A61B", 3, "lgg_grade_unknown"),
    }
    assert {row["label_name"] for row in draft.rows if not row["label"]} == {"no_tumour_slice"}
    assert len(draft.all_rows) == 36 and any("3 patients by the TCGA ids" in sentence for sentence in draft.said)
    assert set(draft.rows[0]) == {"id", "image", "mask", "label", "label_name", "patient", "slice"}


def test_the_slices_of_the_results(tmp_path):
    """All tumour slices; of the others with a head, two or more away from a tumour, evenly as many."""
    write(tmp_path)
    draft = LAYOUT.draft(tmp_path)
    # Free are 2 to 6, 11 and 12 (1 is dark, 7 and 10 touch the tumour); two of these seven are the ends.
    assert [row["slice"] for row in draft.rows] == [2, 8, 9, 12]
    assert [row["slice"] for row in draft.all_rows] == list(range(1, 13))
    assert any("4 slices are listed" in sentence for sentence in draft.said)
    assert any("no data.csv" in sentence for sentence in draft.said)


def test_a_second_copy_in_the_archive_is_taken_once(tmp_path):
    write(tmp_path / "kaggle_3m")
    write(tmp_path / "lgg-mri-segmentation" / "kaggle_3m")
    draft = LAYOUT.draft(tmp_path)
    assert len(draft.all_rows) == 12 and any("12 slices stand in two folders" in sentence for sentence in draft.said)


def test_missing_contrasts_masks_and_damage_are_said(tmp_path):
    write(tmp_path, "TCGA_CS_4941", blank=0)
    write(tmp_path, "TCGA_DU_5849", blank=2)
    folder = tmp_path / "TCGA_CS_4941_19960909"
    (folder / "TCGA_CS_4941_19960909_3_mask.tif").unlink()
    (folder / "TCGA_CS_4941_19960909_4.tif").write_bytes(b"II*\0")
    draft = LAYOUT.draft(tmp_path)
    said = " ".join(draft.said)
    assert "1 patients have FLAIR in the place of T1, 1 in the place of T1ce" in said
    assert "1 slices have no _mask.tif" in said and "1 slices cannot be read" in said
    assert len(draft.all_rows) == 22


def test_other_pictures_are_not_it(tmp_path):
    (tmp_path / "a.tif").touch()
    (tmp_path / "a_mask.tif").touch()
    assert not LAYOUT.fits(tmp_path)
